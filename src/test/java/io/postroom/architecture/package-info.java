/** The picture of DESIGN's dependencies as tests. */
@NullMarked
package io.postroom.architecture;

import org.jspecify.annotations.NullMarked;
