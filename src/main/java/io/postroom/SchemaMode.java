package io.postroom;

import io.postroom.api.PostroomException;
import io.postroom.internal.postgres.connection.AccessCheck;
import io.postroom.internal.postgres.connection.EnginePool;
import io.postroom.internal.postgres.connection.Migrations;
import io.postroom.internal.postgres.connection.PoolerCheck;
import io.postroom.internal.postgres.connection.StartCheck;
import javax.sql.DataSource;

/** Ways to treat the schema {@code postroom} at start. */
public enum SchemaMode {
    /** Creates or updates it. Needs a role that may create a schema and tables. */
    MIGRATE,
    /** Checks that it is up to date, and stops the start if not. Works for a role without DDL rights. */
    VALIDATE,
    /** Takes it as it is: runs no migration and does not compare it. */
    NONE;

    /**
     * Prepares the schema. Repeating it changes nothing.
     *
     * @throws PostroomException says what is wrong with the server or the schema, and what to do
     */
    public void prepare(DataSource dataSource) {
        if (this == NONE) {
            return;
        }
        // First: on a server that is no PostgreSQL or too old, the error of a migration would not say so.
        StartCheck.of(dataSource);
        AccessCheck.requireHistory(dataSource);
        if (!PoolerCheck.isBehindPooler(dataSource) && Migrations.haveRun(dataSource)) {
            return;
        }
        try (EnginePool connections = EnginePool.forStart(dataSource)) {
            PoolerCheck.refuseUnsafe(connections.dataSource(), false);
            if (this == MIGRATE) {
                Migrations.migrate(connections.dataSource());
            } else {
                Migrations.validate(connections.dataSource());
            }
        }
    }
}
