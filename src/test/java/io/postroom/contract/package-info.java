/** One table of cases for what must be the same whichever way it is asked. */
@NullMarked
package io.postroom.contract;

import org.jspecify.annotations.NullMarked;
