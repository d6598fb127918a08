/**
 * Host applications as they are, each a real application context on a real PostgreSQL. Start with {@link
 * io.postroom.spring.StarterTest}.
 */
@NullMarked
package io.postroom.spring;

import org.jspecify.annotations.NullMarked;
