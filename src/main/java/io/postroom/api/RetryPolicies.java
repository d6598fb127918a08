package io.postroom.api;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.stream.Collectors;

/** The ready-made policies. {@code queue.retry_after} shows their text form to operators. */
final class RetryPolicies {
    static final Duration LONGEST = Duration.ofDays(400);
    private static final int MOST_ATTEMPTS = 1000;

    private RetryPolicies() {}

    record Listed(int attempts, List<Duration> delays) implements RetryPolicy {
        Listed {
            requireAttempts(attempts);
            if (delays.isEmpty() && attempts > 1) {
                throw new IllegalArgumentException(
                        "a retry policy of " + attempts + " attempts needs at least one delay");
            }
            delays.forEach(delay -> requireDelay("delay", delay));
            delays = List.copyOf(delays);
        }

        @Override
        public String describe() {
            return delays.stream().map(Durations::format).collect(Collectors.joining(", "));
        }

        @Override
        public Duration delayAfter(int failures) {
            return delays.isEmpty() ? Duration.ZERO : delays.get(Math.min(failures, delays.size()) - 1);
        }
    }

    record Exponential(int attempts, Duration first, Duration longest, DoubleSupplier random) implements RetryPolicy {
        Exponential {
            requireAttempts(attempts);
            requireDelay("first", first);
            requireDelay("longest", longest);
            if (first.isZero() || longest.compareTo(first) < 0) {
                throw new IllegalArgumentException(
                        "exponential retry needs 0 < first <= longest, got first " + first + " and longest " + longest);
            }
        }

        @Override
        public String describe() {
            return Durations.format(first) + ".." + Durations.format(longest);
        }

        @Override
        public Duration delayAfter(int failures) {
            double ceiling = Math.min(longest.toMillis(), first.toMillis() * Math.pow(2, Math.min(failures, 62) - 1.0));
            return Duration.ofMillis(Math.round(ceiling * (1 + random.getAsDouble()) / 2));
        }
    }

    record Rejecting(RetryPolicy policy, Class<? extends Throwable> type) implements RetryPolicy {
        @Override
        public int attempts() {
            return policy.attempts();
        }

        @Override
        public Duration delayAfter(int failures) {
            return policy.delayAfter(failures);
        }

        @Override
        public String describe() {
            return policy.describe();
        }

        @Override
        public boolean rejects(Throwable error) {
            int depth = 0; // a cause may point back at itself through a third exception
            for (Throwable cause = error; cause != null && depth < 50; cause = cause.getCause(), depth++) {
                if (type.isInstance(cause)) {
                    return true;
                }
            }
            return policy.rejects(error);
        }
    }

    /** What stands for the waits of a policy that has no text form. */
    static final String CUSTOM = "custom";

    /**
     * Answers waits in the form that {@code queue.retry_after} takes.
     *
     * @throws InvalidMessageException they cannot be read
     */
    static String normalized(String waits) {
        if (waits.equals(CUSTOM)) {
            return waits;
        }
        try {
            String described = parse(MOST_ATTEMPTS, waits).describe();
            parse(MOST_ATTEMPTS, described); // a number of more than nine digits can be calculated and not be read
            return described;
        } catch (InvalidMessageException | IllegalArgumentException unreadable) {
            throw new InvalidMessageException(
                    "retryAfter", "10s, or 10s, 1m, or 1s..1h, each at most 400 days, or custom", waits);
        }
    }

    static RetryPolicy parse(int attempts, String text) {
        String[] range = text.split("\\.\\.");
        if (range.length == 2) {
            return RetryPolicy.exponential(
                    attempts, Durations.parse("retryAfter", range[0]), Durations.parse("retryAfter", range[1]));
        }
        return RetryPolicy.delays(
                attempts,
                Arrays.stream(text.split(",", -1))
                        .map(delay -> Durations.parse("retryAfter", delay))
                        .toList());
    }

    static void requireAttempts(int attempts) {
        if (attempts < 1 || attempts > MOST_ATTEMPTS) {
            throw new IllegalArgumentException("attempts must be 1 to " + MOST_ATTEMPTS + ", got " + attempts);
        }
    }

    private static void requireDelay(String name, Duration delay) {
        if (delay.isNegative() || delay.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(name + " must be 0 to 400 days, got " + delay);
        }
    }
}
