package io.postroom.api;

/** Another one has changed the entry since it was read. Nothing was written: read it again, and repeat the change. */
public class SettingsChangedException extends PostroomException {
    private final String name;

    public SettingsChangedException(String name, String message) {
        super(message + ". Read the entry again, and repeat the change");
        this.name = name;
    }

    /** The name of the entry. */
    public String name() {
        return name;
    }
}
