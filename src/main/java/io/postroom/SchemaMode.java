package io.postroom;

import io.postroom.api.PostroomException;
import io.postroom.internal.postgres.connection.Migrations;
import io.postroom.internal.postgres.connection.StartCheck;
import javax.sql.DataSource;

/** What to do about the schema {@code postroom} at start. */
public enum SchemaMode {
    /** Create or update it. Needs a role that may create a schema and tables. */
    MIGRATE,
    /** Check that it is up to date and stop if not. Works for a role without DDL rights. */
    VALIDATE,
    /** Trust that it is. */
    NONE;

    /**
     * Does so. Repeating it changes nothing.
     *
     * @throws PostroomException says what is wrong with the server or the schema, and what to do
     */
    public void prepare(DataSource dataSource) {
        if (this != NONE) {
            StartCheck.of(
                    dataSource); // first: on a server that is no PostgreSQL or too old, a failed migration would not
            // say so
        }
        switch (this) {
            case MIGRATE -> Migrations.migrate(dataSource);
            case VALIDATE -> Migrations.validate(dataSource);
            case NONE -> {}
        }
    }
}
