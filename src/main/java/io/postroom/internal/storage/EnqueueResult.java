package io.postroom.internal.storage;

import java.util.List;
import java.util.UUID;

/**
 * What became of a message that was to be written.
 *
 * @param id its id; with {@code isNew = false} the id of the message that had its id or deduplication key already
 * @param isNew whether it was written
 * @param sameContent whether the message that was there has the same queue and content; true when new
 * @param seq its number in READY, in each of its queues; 0 when it is DELAYED or not new
 * @param queues the names of the queues it was put in
 */
public record EnqueueResult(UUID id, boolean isNew, boolean sameContent, long seq, List<String> queues) {}
