package io.postroom.api;

/**
 * Requests and replies of one process. Counted in memory since the process started, apart from {@code waiting}; the database has a line for
 * each that got lost.
 *
 * @param waiting callers of {@code sendAndReceive} that wait now
 * @param received replies that a caller here got
 * @param late replies that came here when nobody waited for them any more. Each ends CANCELLED with the reason {@code late_reply} in {@code
 *     message_history}
 * @param undeliverable replies of handlers of this process whose queue was gone. Each has a row in the view {@code dropped_messages},
 *     unless the queue had no possible name or the database refused the reply, which the log says
 */
public record ReplyCounts(int waiting, long received, long late, long undeliverable) {}
