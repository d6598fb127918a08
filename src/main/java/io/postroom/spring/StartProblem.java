package io.postroom.spring;

import io.postroom.api.PostroomException;

/** The host's configuration does not let Postroom start. Shown by Spring Boot as description and action. */
final class StartProblem extends PostroomException {
    private final String action;

    StartProblem(String description, String action) {
        super(description + ". " + action);
        this.action = action;
    }

    StartProblem(String description, String action, Throwable cause) {
        super(description + ". " + action, cause);
        this.action = action;
    }

    String description() {
        String message = String.valueOf(getMessage());
        return message.substring(0, message.length() - action.length()).trim();
    }

    String action() {
        return action;
    }
}
