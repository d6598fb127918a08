package io.postroom.postgres;

import io.postroom.api.PostroomException;
import java.util.Arrays;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.output.ValidateResult;

/**
 * The schema {@code postroom}, by a Flyway of our own with its own history table. Never a bean and never {@code classpath:db/migration}: the host's own
 * migrations would stop, or run ours as theirs.
 */
public final class Migrations {
    private static final String SCHEMA = "postroom";
    private static final String HISTORY = "schema_history";
    private static final String LOCATION = "classpath:io/postroom/db/migration";

    private Migrations() {}

    /** Creates or updates it. Several processes may do so at the same time. */
    public static void migrate(DataSource dataSource) {
        try {
            flyway(dataSource, true).migrate();
        } catch (FlywayException failed) {
            throw new PostroomException(
                    "the schema \"" + SCHEMA
                            + "\" could not be brought up to date. Its role needs CREATE on the database (first start) and must own the schema; "
                            + "or migrate with another role and start this one with schema mode VALIDATE. "
                            + failed.getMessage(),
                    failed);
        }
    }

    /** Checks that it is up to date, needing no right but to read the history table. */
    public static void validate(DataSource dataSource) {
        Flyway flyway = flyway(dataSource, false);
        ValidateResult result;
        String missing;
        try {
            result = flyway.validateWithResult();
            missing = Arrays.stream(flyway.info().pending())
                    .map(MigrationInfo::getScript)
                    .collect(Collectors.joining(", "));
        } catch (FlywayException failed) {
            throw new PostroomException(
                    "the schema \"" + SCHEMA + "\" could not be checked: its role needs USAGE on it and SELECT on "
                            + HISTORY + ". " + failed.getMessage(),
                    failed);
        }
        if (!missing.isEmpty()) {
            throw new PostroomException("the schema \"" + SCHEMA + "\" is older than this version; missing: " + missing
                    + ". Start once with schema mode MIGRATE and a role that may create tables, or run these files");
        }
        if (!result.validationSuccessful) {
            throw new PostroomException(
                    "the schema \"" + SCHEMA + "\" does not fit this version: " + result.getAllErrorMessages());
        }
    }

    private static Flyway flyway(DataSource dataSource, boolean create) {
        return Flyway.configure(Migrations.class.getClassLoader())
                .dataSource(dataSource)
                .schemas(SCHEMA)
                .defaultSchema(SCHEMA)
                .createSchemas(create)
                .table(HISTORY)
                .locations(LOCATION)
                .ignoreMigrationPatterns("*:pending", "*:future")
                .load();
    }
}
