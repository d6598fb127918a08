package io.postroom.api;

/** The secret that an entry points at is not there. The text says where it was looked for, and never shows a secret. */
public class SecretNotFoundException extends PostroomException {
    /** @param why as the end of a sentence */
    public SecretNotFoundException(String entry, String why) {
        super("the secret of the settings \"" + entry + "\" was not found: " + why);
    }
}
