/**
 * {@code db/checks}: the invariants, each broken on purpose to see that the checker notices, and all of them kept while everything is at
 * work.
 */
@NullMarked
package io.postroom.checks;

import org.jspecify.annotations.NullMarked;
