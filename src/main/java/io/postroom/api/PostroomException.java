package io.postroom.api;

/** The parent of all exceptions of Postroom's own. Unchecked. */
public class PostroomException extends RuntimeException {
    public PostroomException(String message) {
        super(message);
    }

    public PostroomException(String message, Throwable cause) {
        super(message, cause);
    }
}
