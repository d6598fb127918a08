package io.postroom.internal.schedules;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/** Times at a fixed distance. Each follows from the one before, so the first one of all decides where they lie. */
record EveryTimes(Duration period) implements Times {
    @Override
    public Optional<Instant> next(Instant after) {
        return Optional.of(after.plus(period)).filter(at -> !at.isAfter(END));
    }

    /** Counts from the first one: times that are counted from any other moment would lie beside the plan for ever after. */
    @Override
    public List<Instant> last(Instant first, Instant now, int most) {
        long behind = Duration.between(first, now).dividedBy(period);
        return LongStream.rangeClosed(Math.max(0, behind - most + 1), behind)
                .mapToObj(number -> first.plus(period.multipliedBy(number)))
                .toList();
    }
}
