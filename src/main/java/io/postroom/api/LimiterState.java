package io.postroom.api;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * A limiter at one moment.
 *
 * @param starts starts that count now; a start counts a little longer than its period
 * @param inProgress messages that workers hold
 * @param nextStart how long until a start is free; zero: now, as far as starts are concerned
 * @param byOperator whether an operator set it, so that declarations leave it alone
 * @param setAt when it was set last
 * @param parkedUntil until when the destination takes nothing, as a handler said; empty: it is not parked
 * @param groupsAtLimit how many groups have started as many messages as each may
 */
public record LimiterState(
        Limiter limiter,
        int starts,
        long inProgress,
        Duration nextStart,
        boolean byOperator,
        Instant setAt,
        Optional<Instant> parkedUntil,
        long groupsAtLimit) {

    /** How many more messages may start now, as far as starts are concerned; empty: starts are not limited. */
    public Optional<Integer> freeStarts() {
        return limiter.maxStarts().map(most -> nextStart.isZero() ? Math.max(0, most - starts) : 0);
    }

    /** How many more messages may be in progress now; empty: that is not limited. */
    public Optional<Long> freeInProgress() {
        return limiter.maxInProgress().map(most -> Math.max(0, most - inProgress));
    }
}
