/**
 * The kit for users' own tests: {@link io.postroom.test.PostroomKit} runs what is ready on the test's thread, moves time, and waits for a
 * message's state. Start Postroom with {@code workers(false)} ({@code postroom.workers.enabled=false}) to have nothing happen by itself.
 * Needs a real PostgreSQL.
 */
@NullMarked
package io.postroom.test;

import org.jspecify.annotations.NullMarked;
