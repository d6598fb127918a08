package io.postroom.internal.postgres.connection;

import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationState;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and checks the schema {@code postroom} with a Flyway of its own. Its history is {@code postroom.schema_history}, and its files
 * are where no host's Flyway looks for any. This Flyway is never a bean, so a host's Flyway stays the only bean. Several processes may
 * start at once: Flyway takes an advisory lock.
 */
public final class Migrations {
    private static final Logger log = LoggerFactory.getLogger(Migrations.class);
    private static final String LOCATION = "classpath:io/postroom/db/migration";

    private static final Sql SENDS_DDL = Sql.of("""
            -- name: sends_ddl
            SELECT coalesce(current_setting('citus.enable_ddl_propagation', true) = 'on', false)
                   AND to_regclass('pg_catalog.pg_dist_node') IS NOT NULL
            """);

    private static final String CONNECTION_FAILURE = "08006";

    private Migrations() {}

    /**
     * Answers true if exactly the migrations of this version have run, unchanged. Costs one transaction. False says nothing: {@link
     * #migrate} and {@link #validate} find out.
     */
    public static boolean haveRun(DataSource dataSource) {
        boolean complete = SchemaHistory.isComplete(dataSource);
        if (complete) {
            log.info("schema postroom is up to date");
        }
        return complete;
    }

    /**
     * Runs the missing migrations. The first time needs the right to create in the database, later times the right to create in the schema.
     *
     * @throws PostroomException says which migration failed and why; the migrations before it stay. Or they are missing, and Citus would
     *     send them to other nodes
     */
    public static void migrate(DataSource dataSource) {
        if (!SchemaHistory.isComplete(dataSource)) {
            requireNoPropagation(dataSource);
        }
        try {
            int run = flyway(dataSource).migrate().migrationsExecuted;
            log.info("schema postroom is up to date, {} migrations run now", run);
        } catch (FlywayException e) {
            throwIfDatabaseIsAway("run the migrations of schema postroom", e);
            throw new PostroomException(
                    "the migrations of schema postroom failed: " + e.getMessage()
                            + ". Either let a role that may create objects start Postroom once, or run the files in "
                            + LOCATION
                            + " with Flyway (schemas=postroom, table=schema_history) and start with schema \"validate\"",
                    e);
        }
    }

    /**
     * Checks that all migrations have run. Reading {@code postroom.schema_history} is the only right it needs. A schema newer than this
     * version is accepted.
     *
     * @throws PostroomException says which migration is missing, changed or failed, and what to do
     */
    public static void validate(DataSource dataSource) {
        MigrationInfo[] all;
        try {
            all = flyway(dataSource).info().all();
        } catch (FlywayException e) {
            throwIfDatabaseIsAway("read postroom.schema_history", e);
            throw new PostroomException(
                    "postroom.schema_history cannot be read: " + e.getMessage()
                            + ". The role needs USAGE on schema postroom and SELECT on that table",
                    e);
        }
        List<MigrationInfo> wrong = Arrays.stream(all)
                .filter(info -> info.getState() == MigrationState.PENDING
                        || info.getState() == MigrationState.ABOVE_TARGET
                        || info.getState().isFailed()
                        || isChanged(info))
                .toList();
        if (!wrong.isEmpty()) {
            throw new PostroomException("schema postroom does not fit this version: "
                    + wrong.stream().map(Migrations::describe).collect(Collectors.joining(", "))
                    + ". Run the migrations with a role that may create objects (start once with schema \"migrate\", or Flyway on "
                    + LOCATION + " with schemas=postroom, table=schema_history)");
        }
        log.info("schema postroom fits this version");
    }

    /**
     * Citus sends DDL to other nodes unless the session switches that off. A session that a pooler shares keeps its settings, see {@link
     * SessionSettings}, so there the migrations are refused.
     */
    private static void requireNoPropagation(DataSource dataSource) {
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            try (Sql.Call call = SENDS_DDL.on(connection)) {
                if (SessionSettings.isShared(connection) && call.one(row -> row.getBoolean(1))) {
                    throw new PostroomException(
                            "the migrations need a direct connection on a node of Citus: over one with prepareThreshold=0"
                                    + " Citus would send a part of schema postroom to the other nodes. Nothing was migrated."
                                    + " Start once over a direct connection, or let the role have"
                                    + " ALTER ROLE … SET citus.enable_ddl_propagation = off");
                }
            } finally {
                if (!autoCommit) {
                    connection.rollback();
                }
            }
        } catch (SQLException e) {
            throw StoreErrors.translate("look whether Citus sends the schema to other nodes", e);
        }
    }

    /** Names the cause when the database was away, full or cut the connection: advice about rights would mislead then. */
    private static void throwIfDatabaseIsAway(String doing, FlywayException error) {
        for (Throwable cause = error.getCause(); cause != null && cause != cause.getCause(); cause = cause.getCause()) {
            if (cause instanceof SQLException sql) {
                // A pool that threw a broken connection away says "closed" and no state.
                String state = sql.getSQLState() == null ? CONNECTION_FAILURE : sql.getSQLState();
                StoreException failed = StoreErrors.translate(doing, new SQLException(sql.getMessage(), state, sql));
                if (failed.mayPass()) {
                    throw failed;
                }
            }
        }
    }

    private static boolean isChanged(MigrationInfo info) {
        return info.getState().isApplied()
                && !info.isChecksumMatching()
                && info.getState() != MigrationState.FUTURE_SUCCESS;
    }

    private static String describe(MigrationInfo info) {
        return "V" + info.getVersion() + " (" + info.getDescription() + ") is "
                + (isChanged(info)
                        ? "changed"
                        : info.getState().getDisplayName().toLowerCase(Locale.ROOT));
    }

    private static Flyway flyway(DataSource dataSource) {
        return Flyway.configure(Migrations.class.getClassLoader())
                .dataSource(SettledDataSource.whileOpen(dataSource, SessionSettings.MIGRATION))
                .schemas("postroom")
                .defaultSchema("postroom")
                .table("schema_history")
                .locations(LOCATION)
                .failOnMissingLocations(true)
                .placeholderReplacement(false)
                .skipDefaultCallbacks(true)
                .cleanDisabled(true)
                .loggers("slf4j")
                .load();
    }
}
