@NullMarked
package io.postroom.engine;

import org.jspecify.annotations.NullMarked;
