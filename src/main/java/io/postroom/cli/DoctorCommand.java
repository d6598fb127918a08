package io.postroom.cli;

import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Looks at the database and says what is wrong and what to do. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description =
                "Looks at rights, settings, horizon, clocks, days, purge, sizes, operations and workers, and says what to do."
                        + " Exit code 1: something needs doing.")
final class DoctorCommand extends BackendCommand {
    @Option(
            names = "--older-than",
            defaultValue = "5m",
            description = "A transaction that keeps deleted rows for longer is a problem; default 5m")
    @SuppressWarnings("NullAway.Init")
    String olderThan;

    @Option(names = "--all", description = "Show sizes, days, workers and all who hold the horizon, too")
    boolean all;

    @Override
    int run(Backend backend) {
        Duration age = option(() -> Durations.parse("--older-than", olderThan));
        if (age.isNegative() || age.compareTo(Duration.ofDays(1)) > 0) {
            throw CliException.usage("--older-than must be 0 to 1 day, got " + olderThan);
        }
        JsonNode health;
        try {
            health = backend.database(age);
        } catch (InvalidMessageException wrongOption) {
            throw wrongOption;
        } catch (PostroomException refused) {
            if (refused instanceof StoreException failed && failed.mayPass()) {
                throw failed;
            }
            health = cannotBegin(String.valueOf(refused.getMessage()));
        }
        show(health, this::forPeople);
        return health.path("healthy").asBoolean(false) ? DONE : CliException.REFUSED;
    }

    /** A database with which no process can begin, such as one that is too old, cannot be looked at further. */
    private static ObjectNode cannotBegin(String why) {
        ObjectNode health = CliJson.MAPPER.createObjectNode().put("healthy", false);
        health.putArray("findings")
                .addObject()
                .put("level", "PROBLEM")
                .put("code", "start")
                .put("what", why)
                .put("todo", "Mend this first: no process can begin, and nothing else was looked at");
        return health;
    }

    private String forPeople(JsonNode health) {
        StringBuilder shown = new StringBuilder();
        if (health.has("version")) {
            shown.append(server(health));
        }
        health.path("homes")
                .forEach(home -> shown.append("home ")
                        .append(text(home, "home"))
                        .append(": ")
                        .append(server(home)));
        if (all) {
            shown.append('\n').append(details(health));
        }
        JsonNode findings = health.path("findings");
        if (findings.isEmpty()) {
            return shown.append("All is well\n").toString();
        }
        for (JsonNode finding : findings) {
            shown.append('\n')
                    .append(text(finding, "level"))
                    .append(' ')
                    .append(text(finding, "code"))
                    .append("\n  ")
                    .append(Table.escaped(text(finding, "what")))
                    .append("\n  To do: ")
                    .append(Table.escaped(text(finding, "todo")))
                    .append('\n');
        }
        return shown.toString();
    }

    private static String server(JsonNode health) {
        return "PostgreSQL " + text(health, "version") + ", role " + Table.escaped(text(health, "role"))
                + ", clock skew " + text(health, "clockSkewMillis") + " ms\n";
    }

    private String details(JsonNode health) {
        Table horizon =
                new Table("HOLDS THE HORIZON", "NAME", "APPLICATION", "USER", "STATE", "SECONDS", "TRANSACTIONS");
        for (JsonNode holder : health.path("horizon")) {
            horizon.row(
                    holder,
                    text(holder, "kind"),
                    text(holder, "name"),
                    text(holder, "application"),
                    text(holder, "user"),
                    text(holder, "state"),
                    text(holder, "seconds"),
                    text(holder, "transactions"));
        }
        Table tables = new Table("TABLE", "PARTITIONS", "LIVE ROWS", "DEAD ROWS", "BYTES", "LAST VACUUM");
        for (JsonNode table : health.path("tables")) {
            tables.row(
                    table,
                    text(table, "table"),
                    text(table, "partitions"),
                    text(table, "liveRows"),
                    text(table, "deadRows"),
                    text(table, "bytes"),
                    time(table, "vacuumedAt"));
        }
        Table days = new Table("DAYS OF", "PARTITIONS", "FROM", "UNTIL", "BYTES");
        for (JsonNode of : health.path("days")) {
            days.row(
                    of,
                    text(of, "table"),
                    text(of, "partitions"),
                    time(of, "from"),
                    time(of, "until"),
                    text(of, "bytes"));
        }
        Table workers = new Table("WORKER", "VERSION", "STARTED", "SILENT FOR MS", "HOLDS");
        for (JsonNode worker : health.path("workers")) {
            workers.row(
                    worker,
                    text(worker, "worker"),
                    text(worker, "version"),
                    time(worker, "startedAt"),
                    text(worker, "silentForMillis"),
                    text(worker, "holds"));
        }
        return horizon.draw(width()) + "\n" + tables.draw(width()) + "\n" + days.draw(width()) + "\n"
                + workers.draw(width());
    }
}
