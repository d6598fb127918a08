package io.postroom.api;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * How an attempt ended, as a handler or {@code HandlingErrorSend} says it. Dead-lettering is what the engine does with it, not an outcome.
 */
public sealed interface Outcome {
    /** Handled. The message is finished. */
    record Done() implements Outcome {}

    /** Failed: costs one failure. Tried again after {@code after}, or the retry policy's delay when empty; never past the attempts limit. */
    record Retry(Optional<Duration> after, String reason) implements Outcome {
        public Retry {
            after.ifPresent(delay -> requireNotNegative("after", delay));
            Objects.requireNonNull(reason, "reason");
        }
    }

    /** Not yet: costs nothing, the message comes back after {@code duration}. */
    record Snooze(Duration duration, String reason) implements Outcome {
        public Snooze {
            requireNotNegative("duration", duration);
            Objects.requireNonNull(reason, "reason");
        }
    }

    /** The destination cannot take anything now (HTTP 429 or 503, SMTP 421): costs nothing, the message waits {@code retryAfter}. */
    record NotNow(String destination, Duration retryAfter) implements Outcome {
        public NotNow {
            Objects.requireNonNull(destination, "destination");
            requireNotNegative("retryAfter", retryAfter);
        }
    }

    /** No attempt can ever succeed: dead letter now. */
    record Reject(String reason) implements Outcome {
        public Reject {
            Objects.requireNonNull(reason, "reason");
        }
    }

    static Outcome done() {
        return Outcomes.DONE;
    }

    static Outcome retry(String reason) {
        return new Retry(Optional.empty(), reason);
    }

    static Outcome retry(Duration after, String reason) {
        return new Retry(Optional.of(after), reason);
    }

    static Outcome snooze(Duration duration, String reason) {
        return new Snooze(duration, reason);
    }

    static Outcome notNow(String destination, Duration retryAfter) {
        return new NotNow(destination, retryAfter);
    }

    static Outcome reject(String reason) {
        return new Reject(reason);
    }

    /** The exhaustive switch, once: Java 17 has no pattern switch. */
    default <R> R match(Cases<R> cases) {
        if (this instanceof Done done) {
            return cases.done(done);
        } else if (this instanceof Retry retry) {
            return cases.retry(retry);
        } else if (this instanceof Snooze snooze) {
            return cases.snooze(snooze);
        } else if (this instanceof NotNow notNow) {
            return cases.notNow(notNow);
        }
        return cases.reject((Reject) this);
    }

    /** One method an outcome. */
    interface Cases<R> {
        R done(Done outcome);

        R retry(Retry outcome);

        R snooze(Snooze outcome);

        R notNow(NotNow outcome);

        R reject(Reject outcome);
    }

    private static void requireNotNegative(String name, Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException(name + " is negative: " + duration);
        }
    }
}
