package io.postroom.server;

/** The server cannot start as it was told to; the message says why and what to do, and is meant to be shown as it is. */
public final class ServerStartException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ServerStartException(String message) {
        super(message);
    }
}
