package io.postroom.internal.storage;

import io.postroom.api.Direction;
import java.util.List;

/** A handler of a queue in a process, for {@code explain} and people. Types are {@code name/version}, "" (without a type) or "*" (any). */
public record ConsumerRow(
        int queueId, String handler, Direction direction, int concurrency, String mode, List<String> types) {}
