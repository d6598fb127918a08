package io.postroom.internal.worker;

import io.postroom.api.Durations;
import io.postroom.api.RecentFailures;
import io.postroom.internal.loop.LogText;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.DeadLetter;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.NextState;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs at WARN which messages failed and which became dead letters, and counts them. For failures of a queue with one fingerprint it logs
 * one line a minute, with the number of those held back. Thread-safe.
 */
public final class FailureLog {
    /** A name that users may set a level for; documented in docs/operations.md. */
    private static final Logger log = LoggerFactory.getLogger("io.postroom.failures");

    private static final long PAUSE_NANOS = Duration.ofMinutes(1).toNanos();
    /** More kinds within a minute than this are a sign of fingerprints that never repeat; further ones of a queue are one kind. */
    private static final int MOST_KINDS = 100;

    private static final int LONGEST_CAUSE = 300;
    private static final String UNDECODABLE = "undecodable";
    private static final String UNREADABLE = "no process could read its payload; its history has the reason";

    private final LongSupplier nanos;
    private final FailureCounts counts;
    private final Map<Kind, Held> kinds = new LinkedHashMap<>();

    public FailureLog() {
        this(System::nanoTime);
    }

    FailureLog(LongSupplier nanos) {
        this.nanos = nanos;
        this.counts = new FailureCounts(nanos);
    }

    /** Takes the end of an attempt that is in the database. Does nothing about attempts that did not fail. */
    void ended(String queue, Completion end) {
        Failure failure = end.failure();
        AttemptOutcome outcome = end.outcome();
        if (failure == null
                || outcome != AttemptOutcome.RETRY
                        && outcome != AttemptOutcome.FAILED
                        && outcome != AttemptOutcome.REJECT) {
            return;
        }
        boolean dead = end.next() == NextState.DEAD;
        if (!dead && end.failures() == end.message().counters().failures()) {
            return; // spent no attempt: the store was away
        }
        counts.failed(dead);
        ClaimedMessage message = end.message();
        String type =
                DeadLetter.type(message.content().type(), message.content().version());
        if (dead) {
            died(new DeadLetter(
                    message.id(),
                    queue,
                    type,
                    end.failures(),
                    String.valueOf(end.reason()),
                    isUndecodable(end) ? UNREADABLE : failure.text(),
                    failure.fingerprint()));
        } else if (mayBeSaid(new Kind(false, queue, failure.fingerprint()), message.id(), failure.text())) {
            log.warn(
                    "message {} of queue \"{}\" ({}) failed in attempt {} and is tried again in {}: {} [fingerprint {}]",
                    message.id(),
                    queue,
                    firstLine(type),
                    end.failures(),
                    Durations.format(end.delay()),
                    firstLine(failure.text()),
                    failure.fingerprint());
        }
    }

    /** The error of a reader may quote the payload, which does not belong into a log. */
    private static boolean isUndecodable(Completion end) {
        return UNDECODABLE.equals(end.reason());
    }

    /** Takes a dead letter that a job made: its worker died too often, or it could not be promoted. */
    public void buried(DeadLetter letter) {
        counts.failed(true);
        died(letter);
    }

    private void died(DeadLetter letter) {
        if (mayBeSaid(new Kind(true, letter.queue(), letter.fingerprint()), letter.messageId(), letter.error())) {
            log.warn(
                    "dead letter: message {} of queue \"{}\" ({}) is given up after {} failed {}, {}: {} [fingerprint {}]",
                    letter.messageId(),
                    letter.queue(),
                    firstLine(letter.type()),
                    letter.attempts(),
                    letter.attempts() == 1 ? "attempt" : "attempts",
                    letter.reason(),
                    firstLine(letter.error()),
                    letter.fingerprint());
        }
    }

    /** How many messages failed and died in this process lately. */
    public RecentFailures recent(Duration within) {
        return counts.within(within);
    }

    /** Says how many lines were held back, for kinds whose last line is a minute old. To be called every few seconds. */
    public synchronized void sayHeldBack() {
        long now = nanos.getAsLong();
        for (Iterator<Map.Entry<Kind, Held>> entries = kinds.entrySet().iterator(); entries.hasNext(); ) {
            Map.Entry<Kind, Held> entry = entries.next();
            if (now - entry.getValue().saidNanos >= PAUSE_NANOS
                    && !sayHeldBack(entry.getKey(), entry.getValue(), now)) {
                entries.remove(); // a minute without another one
            }
        }
    }

    /** Says all that was held back: this process stops. */
    synchronized void close() {
        long now = nanos.getAsLong();
        kinds.forEach((kind, held) -> sayHeldBack(kind, held, now));
        kinds.clear();
    }

    private synchronized boolean mayBeSaid(Kind own, UUID message, String cause) {
        long now = nanos.getAsLong();
        Kind kind = kinds.containsKey(own) || kinds.size() < MOST_KINDS ? own : own.oneOfMany();
        Held held = kinds.get(kind);
        if (held == null) {
            kinds.put(kind, new Held(now));
            return true;
        }
        held.count++;
        held.lastMessage = message;
        held.lastCause = cause;
        if (now - held.saidNanos >= PAUSE_NANOS) {
            sayHeldBack(kind, held, now);
        }
        return false;
    }

    /** Returns false when nothing was held back. */
    private static boolean sayHeldBack(Kind kind, Held held, long now) {
        if (held.count == 0) {
            return false;
        }
        log.warn(
                "{}: {} more of queue \"{}\" in the last {} s, the last one message {}: {} [fingerprint {}]",
                kind.dead ? "dead letters" : "failed attempts",
                held.count,
                kind.queue,
                Duration.ofNanos(now - held.saidNanos).toSeconds(),
                held.lastMessage,
                firstLine(held.lastCause),
                kind.fingerprint);
        held.count = 0;
        held.saidNanos = now;
        return true;
    }

    private static String firstLine(String text) {
        return LogText.firstLine(text, LONGEST_CAUSE);
    }

    private record Kind(boolean dead, String queue, String fingerprint) {
        Kind oneOfMany() {
            return new Kind(dead, queue, "one of many");
        }
    }

    /** What was held back of a kind since its last line. */
    private static final class Held {
        private long saidNanos;
        private long count;
        private @Nullable UUID lastMessage;
        private String lastCause = "";

        Held(long saidNanos) {
            this.saidNanos = saidNanos;
        }
    }
}
