package io.postroom.internal.postgres.console;

import java.time.Instant;
import java.util.Optional;

/**
 * A limiter of a queue or of a destination as it stands: one of the two is there.
 *
 * @param nextStartMillis milliseconds until a start is free; 0: now
 * @param byOperator whether an operator has set it, and not a declaration
 */
public record LimiterLine(
        Optional<String> queue,
        Optional<String> destination,
        Optional<Integer> maxStarts,
        Optional<String> period,
        Optional<Integer> maxInProgress,
        int starts,
        long inProgress,
        long nextStartMillis,
        Optional<Instant> parkedUntil,
        boolean byOperator,
        Instant setAt) {}
