package io.postroom.api;

import java.util.List;
import java.util.UUID;

/**
 * Answer to a created message.
 *
 * @param id the message's id; with {@code isNew = false} the id of the one that was there
 * @param isNew false: the same id or deduplication key with the same payload was there already, and nothing was written
 * @param queues the queues it was put in
 */
public record Created(UUID id, boolean isNew, List<String> queues) {}
