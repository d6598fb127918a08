/**
 * What an operator sees from outside: metrics, observations (timers and traces) and log fields, by Micrometer and SLF4J. Each class is a
 * listener or an interceptor as a user could write one, so the engine knows nothing of them, and without Micrometer they are not loaded.
 *
 * <p>Start with {@link io.postroom.metrics.PostroomMetrics}: counters of what became of messages, and gauges of the queues. {@link
 * io.postroom.metrics.MessageObservations} observes creating and handling, and passes traces on in headers. {@link
 * io.postroom.metrics.MessageLogFields} names the message in each line that a handler logs.
 *
 * <p>Tags are few: a queue, a state, an outcome, a type. Ids stand in spans and log fields alone.
 */
@NullMarked
package io.postroom.metrics;

import org.jspecify.annotations.NullMarked;
