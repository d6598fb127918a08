package io.postroom.api;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.stream.Collectors;

/** The ready-made policies. {@code queue.retry_after} shows their text form to operators. */
final class RetryPolicies {
    static final Duration LONGEST = Duration.ofDays(400);

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

    static RetryPolicy parse(int attempts, String text) {
        String[] range = text.split("\\.\\.");
        if (range.length == 2) {
            return RetryPolicy.exponential(
                    attempts, Durations.parse("retryAfter", range[0]), Durations.parse("retryAfter", range[1]));
        }
        return RetryPolicy.delays(
                attempts,
                Arrays.stream(text.split(","))
                        .map(delay -> Durations.parse("retryAfter", delay))
                        .toList());
    }

    static void requireAttempts(int attempts) {
        if (attempts < 1 || attempts > 1000) {
            throw new IllegalArgumentException("attempts must be 1 to 1000, got " + attempts);
        }
    }

    private static void requireDelay(String name, Duration delay) {
        if (delay.isNegative() || delay.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(name + " must be 0 to 400 days, got " + delay);
        }
    }
}
