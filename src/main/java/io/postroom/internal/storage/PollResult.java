package io.postroom.internal.storage;

import java.util.List;

/**
 * What a poll answers.
 *
 * @param queues reports of the queues that were changed, that had to be reported, or in which something waits
 * @param gone ids of queues that do not exist
 * @param answeredBy which state of the store answered
 */
public record PollResult(List<QueueReport> queues, List<Integer> gone, StoreIdentity answeredBy) {}
