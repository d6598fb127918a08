package io.postroom.console;

import io.postroom.api.PostroomException;

/** The application's configuration does not let the console open. The text says what to do. */
final class ConsoleProblem extends PostroomException {
    ConsoleProblem(String description, String action) {
        super(description + ". " + action);
    }
}
