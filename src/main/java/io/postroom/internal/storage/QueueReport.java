package io.postroom.internal.storage;

import java.util.Arrays;

/**
 * What a poll says of one queue.
 *
 * @param operatorSettings whether maxAttempts and retryAfter are an operator's and win over the handler's
 * @param suspects something waits whose worker died while holding it
 * @param elsewhere another live process consumes the queue too
 * @param lowest lowest visible seq per priority from the floor on; -1: none
 */
public record QueueReport(
        int queueId,
        boolean paused,
        boolean deleted,
        int maxAttempts,
        String retryAfter,
        boolean operatorSettings,
        boolean suspects,
        boolean elsewhere,
        long[] lowest) {
    /** Whether nothing of it was seen in READY. */
    public boolean nothingReady() {
        return !suspects && Arrays.stream(lowest).allMatch(seq -> seq < 0);
    }
}
