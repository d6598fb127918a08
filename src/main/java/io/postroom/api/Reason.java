package io.postroom.api;

import java.util.Optional;

/**
 * Why somebody does something, for the record. Immutable.
 *
 * @param text 1 to 200 characters without control characters, and not only spaces
 * @param actor the person, 1 to 200 characters; empty: the database user
 * @throws InvalidMessageException one of the two is outside its limits
 */
public record Reason(String text, Optional<String> actor) {
    public Reason {
        if (text.isBlank()) {
            throw new InvalidMessageException("reason", "1 to " + Limits.KEY_LENGTH + " characters", text);
        }
        Limits.requireText("reason", text, Limits.KEY_LENGTH);
        actor.ifPresent(name -> Limits.requireText("actor", name, Limits.KEY_LENGTH));
    }

    /** A reason without a person's name. */
    public static Reason of(String text) {
        return new Reason(text, Optional.empty());
    }

    /** The same reason with the name of the person who acts. */
    public Reason by(String person) {
        return new Reason(text, Optional.of(person));
    }
}
