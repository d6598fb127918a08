package io.postroom.console;

/**
 * Who looks at the console.
 *
 * @param name for the record of what people do; 1 to 100 characters
 * @param mayRead whether pages are shown
 * @param mayOperate whether buttons are shown and answered: pause, cancel, redrive and all others
 */
public record ConsoleUser(String name, boolean mayRead, boolean mayOperate) {
    public ConsoleUser {
        if (name.isBlank() || name.length() > LONGEST_NAME || name.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException(
                    "a user's name must be 1 to " + LONGEST_NAME + " characters without control characters");
        }
    }

    static final int LONGEST_NAME = 100;

    /** A user who reads alone. */
    public static ConsoleUser reader(String name) {
        return new ConsoleUser(name, true, false);
    }

    /** A user who reads and operates. */
    public static ConsoleUser operator(String name) {
        return new ConsoleUser(name, true, true);
    }
}
