package io.postroom.internal.storage;

import java.util.Locale;

/** The outcome that a line of history records. The first three finish a message. */
public enum AttemptOutcome {
    DONE(0),
    CANCELLED(1),
    EXPIRED(2),
    RETRY(3),
    SNOOZE(4),
    NOT_NOW(5),
    REJECT(6),
    FAILED(7),
    CRASHED(8),
    UNDECODABLE(9);

    private final int code;
    private final String label = name().toLowerCase(Locale.ROOT);

    AttemptOutcome(int code) {
        this.code = code;
    }

    /**
     * The number in {@code attempt.outcome}. It never changes, whatever the order of the constants; SQL takes 0 to 2 for the end of a
     * message.
     */
    public int code() {
        return code;
    }

    /** The text in {@code message_history.outcome} and {@link io.postroom.api.Attempt#outcome()}. */
    public String label() {
        return label;
    }
}
