package io.postroom;

/** What to do about the schema {@code postroom} at start. */
public enum SchemaMode {
    /** Create or update it. Needs a role that may create a schema and tables. */
    MIGRATE,
    /** Check that it is up to date and stop if not. Works for a role without DDL rights. */
    VALIDATE,
    /** Trust that it is. */
    NONE
}
