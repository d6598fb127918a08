package io.postroom.internal.storage;

import java.util.Locale;

/** What a line of history says. The order is the code stored in {@code attempt.outcome}; the first three finish a message. */
public enum AttemptOutcome {
    DONE,
    CANCELLED,
    EXPIRED,
    RETRY,
    SNOOZE,
    NOT_NOW,
    REJECT,
    FAILED,
    CRASHED;

    private final String label = name().toLowerCase(Locale.ROOT);

    /** As in {@code message_history.outcome} and {@link io.postroom.api.Attempt#outcome()}. */
    public String label() {
        return label;
    }
}
