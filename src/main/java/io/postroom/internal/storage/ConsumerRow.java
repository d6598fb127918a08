package io.postroom.internal.storage;

import io.postroom.api.Direction;
import java.util.List;

/**
 * A handler of a queue in a process, for {@code explain} and for people.
 *
 * @param handler its id
 * @param concurrency most messages at a time
 * @param mode name of its {@code HandlerMode}
 * @param types {@code name/version} of each type it takes, "*" for any, "" for messages without a type
 */
public record ConsumerRow(
        int queueId, String handler, Direction direction, int concurrency, String mode, List<String> types) {}
