package io.postroom.api;

/** Parent of all that Postroom throws. Unchecked. */
public class PostroomException extends RuntimeException {
    public PostroomException(String message) {
        super(message);
    }

    public PostroomException(String message, Throwable cause) {
        super(message, cause);
    }
}
