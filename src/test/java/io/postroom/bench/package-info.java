/**
 * Measurements, started by hand: {@code verify} only tests that what they are made of works. Absolute figures of a shared machine are noise; compare
 * within one run, and believe CPU per message more than the rate.
 */
@NullMarked
package io.postroom.bench;

import org.jspecify.annotations.NullMarked;
