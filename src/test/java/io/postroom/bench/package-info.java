/**
 * Measurements, started by hand: nothing here is a test, nothing runs in {@code verify}. Absolute figures of a shared machine are noise; compare
 * within one run, and believe CPU per message more than the rate.
 */
@NullMarked
package io.postroom.bench;

import org.jspecify.annotations.NullMarked;
