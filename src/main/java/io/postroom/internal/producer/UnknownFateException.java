package io.postroom.internal.producer;

import io.postroom.api.StoreException;
import java.util.UUID;

/** The answer to a commit was lost, and no later try brought certainty: the message may be stored. */
final class UnknownFateException extends StoreException {
    private final int tries;

    UnknownFateException(UUID message, int tries, Throwable error) {
        super(
                "could not be stored in " + tries + (tries == 1 ? " try" : " tries")
                        + ", and whether one of them stored it is not known: ask find(\"" + message
                        + "\"), or repeat with .id(...) of that value, which is safe. " + error.getMessage(),
                Kind.UNAVAILABLE,
                "",
                error);
        this.tries = tries;
    }

    /** Makes the same exception for another message of the same commit. */
    UnknownFateException of(UUID message) {
        Throwable cause = getCause();
        return new UnknownFateException(message, tries, cause == null ? this : cause);
    }
}
