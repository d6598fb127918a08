/**
 * One attempt: runs a claimed message's handler, decides the message's next state, and writes it.
 *
 * <pre>
 * Executor ──► CallRunner ──► UserCode (handler, HandlingErrorSend)
 *    │             │    └───► AtomicCalls: the same inside a transaction of the host
 *    │             ▼
 *    └──► StateTransitions ──► Completer ──► LeaseStore
 * </pre>
 *
 * <p>Start with {@link io.postroom.internal.execution.Executor#run}. {@code ThreadGuard} makes the thread as it was after each attempt.
 * Each message gets exactly one end. Three threads may give it: the handler's own; the one of {@link
 * io.postroom.internal.execution.TimeLimits}, when the call ignores its interrupt; and, for an ATOMIC handler, the transaction that
 * commits. {@link io.postroom.internal.execution.Attempt} decides between the first two under its lock, the lease in the database between
 * the last two.
 *
 * <p>Clocks: time limits and durations go by {@code System.nanoTime()} of this machine. Due times are the database's: ends carry delays,
 * not instants. Whether an entry of an external system is valid goes by the database's clock, as the polls tell it.
 *
 * <p>What looks wrong but is right:
 *
 * <ul>
 *   <li>A result is kept, and tried again, even when its lease may have been lost: the database answers which results still count.
 *   <li>A payload that cannot be read is no dead letter at once: during a deployment half of the processes may read it. Its history says
 *       since when, so that the 24 hours count for all processes together.
 *   <li>A call that is given up is not stopped, as Java cannot stop a thread. Its message goes on 5 s after the interrupt, and may then run
 *       beside it.
 *   <li>{@code HandlingErrorSend} and the retry policy run after the time limit has been taken off.
 *   <li>The net of {@link io.postroom.internal.execution.LastNet} catches {@code Throwable}: a message that stayed under the lease of a
 *       living process would wait for as long as that process lives.
 *   <li>A result waits up to 1 ms for others while other handlers run. A commit for each message costs far more than the wait.
 *   <li>{@code Delivery} and {@code HandlerRegistry} are not part of {@code handler}: hosts hold handlers, but only the engine calls them.
 * </ul>
 */
@NullMarked
package io.postroom.internal.execution;

import org.jspecify.annotations.NullMarked;
