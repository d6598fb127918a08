package io.postroom.api;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * The answer to a create call.
 *
 * @param id the message's id; with {@code isNew = false} the id of the message that was there
 * @param isNew false: nothing was stored. A message with the same id or deduplication key and the same content was there already, or the
 *     message reached no queue and was dropped
 * @param queues names of the queues of the stored message, in alphabetical order. Empty: the message was dropped, or it repeats one that
 *     is purged by now
 * @param state with {@code isNew = false}: where the message stands that was there, of several queues' states the first in their
 *     order. Empty: the message is new, was dropped, or is purged by now
 */
public record Created(UUID id, boolean isNew, List<String> queues, Optional<MessageState> state) {}
