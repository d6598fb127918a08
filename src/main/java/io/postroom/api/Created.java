package io.postroom.api;

import java.util.List;
import java.util.UUID;

/**
 * The answer to a create call.
 *
 * @param id the message's id; with {@code isNew = false} the id of the message that was there
 * @param isNew false: a message with the same id or deduplication key and the same content was there already, and nothing was written
 * @param queues names of the queues it was put in; empty: it reached none and was dropped, since mandatory was off
 */
public record Created(UUID id, boolean isNew, List<String> queues) {}
