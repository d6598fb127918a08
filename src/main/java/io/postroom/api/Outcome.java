package io.postroom.api;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * How an attempt ended, as a handler or {@code HandlingErrorSend} answers it. Immutable. Dead-lettering is no outcome: it is what the
 * engine does with one.
 *
 * <p>Reasons and notes are kept in the history, cut at about 4,000 characters. Durations must not be negative, and count as 400 days at
 * most.
 */
public sealed interface Outcome {
    /**
     * The message was handled: it is finished.
     *
     * @param note for the history, such as what another system answered; empty: the history has no text, which is quicker to write
     */
    record Done(Optional<String> note) implements Outcome {
        public Done {
            Objects.requireNonNull(note, "note");
        }
    }

    /**
     * The attempt failed and costs one failure. The message is tried again, unless its attempts are spent: then it is a dead letter.
     *
     * @param after the wait; empty: the retry policy's
     */
    record Retry(Optional<Duration> after, String reason) implements Outcome {
        public Retry {
            after.ifPresent(delay -> requireNotNegative("after", delay));
            Objects.requireNonNull(reason, "reason");
        }
    }

    /** It is too early: the message comes back after {@code duration}, and it costs nothing. */
    record Snooze(Duration duration, String reason) implements Outcome {
        public Snooze {
            requireNotNegative("duration", duration);
            Objects.requireNonNull(reason, "reason");
        }
    }

    /**
     * The destination takes nothing now (HTTP 429 or 503, SMTP 421): the message waits for {@code retryAfter}, and it costs nothing. Where
     * queues name that destination ({@link Limiters#setDestination}), none of their messages starts before that time. Then one message
     * tries, then 2, 4 and so on, and after 64 that did not answer this outcome all go on.
     */
    record NotNow(String destination, Duration retryAfter) implements Outcome {
        public NotNow {
            Objects.requireNonNull(destination, "destination");
            requireNotNegative("retryAfter", retryAfter);
        }
    }

    /** No attempt can ever succeed: the message is a dead letter now. */
    record Reject(String reason) implements Outcome {
        public Reject {
            Objects.requireNonNull(reason, "reason");
        }
    }

    /** {@link Done} without a note. */
    static Outcome done() {
        return Outcomes.DONE;
    }

    /** {@link Done} with a note for the history. An empty one is none. */
    static Outcome done(String note) {
        return note.isEmpty() ? Outcomes.DONE : new Done(Optional.of(note));
    }

    /** {@link Retry} after the retry policy's wait. */
    static Outcome retry(String reason) {
        return new Retry(Optional.empty(), reason);
    }

    /** {@link Retry} after a wait of its own. */
    static Outcome retry(Duration after, String reason) {
        return new Retry(Optional.of(after), reason);
    }

    /** {@link Snooze}. */
    static Outcome snooze(Duration duration, String reason) {
        return new Snooze(duration, reason);
    }

    /** {@link NotNow}. */
    static Outcome notNow(String destination, Duration retryAfter) {
        return new NotNow(destination, retryAfter);
    }

    /** {@link Reject}. */
    static Outcome reject(String reason) {
        return new Reject(reason);
    }

    /** Calls the case of this outcome, and answers what it answers: the exhaustive switch that Java 17 does not have. */
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

    /** The cases of {@link #match}, one an outcome. */
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
