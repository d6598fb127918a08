/** One story of a message's life per file, through the public API and a running engine. */
@NullMarked
package io.postroom.flow;

import org.jspecify.annotations.NullMarked;
