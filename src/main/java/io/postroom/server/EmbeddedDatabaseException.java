package io.postroom.server;

import org.jspecify.annotations.Nullable;

/** The embedded PostgreSQL cannot be started; the message says why and what to do, and is meant to be shown as it is. */
public final class EmbeddedDatabaseException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    EmbeddedDatabaseException(String message) {
        this(message, null);
    }

    EmbeddedDatabaseException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
