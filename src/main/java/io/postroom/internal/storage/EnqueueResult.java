package io.postroom.internal.storage;

import java.util.UUID;

/**
 * What became of a new message.
 *
 * @param id its id, or that of the one that was there
 * @param isNew whether it was written
 * @param sameContent whether the one that was there has the same queue and content; true when new
 * @param seq its place in READY, 0 when it is DELAYED or was there
 */
public record EnqueueResult(UUID id, boolean isNew, boolean sameContent, long seq) {}
