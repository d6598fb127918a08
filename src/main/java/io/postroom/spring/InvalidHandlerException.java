package io.postroom.spring;

import org.jspecify.annotations.Nullable;

/** A handler cannot be used as it is declared. {@link BeanHandlers} adds the handler's name. */
final class InvalidHandlerException extends RuntimeException {
    private final String action;

    /**
     * @param wrong the rest of a sentence that begins with the handler's name, as in "is private"
     * @param action what to do instead, a sentence without its full stop
     */
    InvalidHandlerException(String wrong, String action) {
        this(wrong, action, null);
    }

    InvalidHandlerException(String wrong, String action, @Nullable Throwable cause) {
        super(wrong, cause);
        this.action = action;
    }

    String action() {
        return action;
    }

    static void require(boolean fine, String wrong, String action) {
        if (!fine) {
            throw new InvalidHandlerException(wrong, action);
        }
    }
}
