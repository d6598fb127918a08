package io.postroom.internal.postgres.admin;

import io.postroom.api.DatabaseHealth.Finding;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.Level;
import io.postroom.api.DatabaseHealth.Table;
import io.postroom.api.DatabaseHealth.Worker;
import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.DatabaseInspection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Says what the facts mean and what to do. Not thread-safe: one for each look at the database. */
final class HealthFindings {
    /** Ids carry the time of their process, by which messages are put into days. */
    private static final Duration SMALL_SKEW = Duration.ofSeconds(2);
    /** Days are made when the last one is three days away; a row behind them would go to the tail. */
    private static final Duration ENOUGH_AHEAD = Duration.ofDays(1);
    /** A step is taken within 15 seconds by any process with workers. */
    private static final Duration LONG_STEP = Duration.ofMinutes(1);

    private static final Duration LONG_CANARY = Duration.ofHours(1);
    /** Others take the messages of a process over after its lease time, 30 seconds by default, and their next look. */
    private static final Duration SILENCE = Duration.ofMinutes(1);
    /** Queues have more dead rows than live ones as a rule; so many make each claim read further. */
    private static final long MANY_DEAD_ROWS = 200_000;

    private static final long DEAD_TO_LIVE = 5;
    /** PostgreSQL warns at 40,000,000 before a wraparound, at two billions. A standby's query of an hour holds far fewer. */
    private static final long MANY_TRANSACTIONS = 10_000_000;

    private final Duration olderThan;
    private final List<Finding> findings = new ArrayList<>();
    private boolean autovacuumIsOff;

    /** @param olderThan a transaction that holds the horizon for longer is a problem */
    HealthFindings(Duration olderThan) {
        this.olderThan = olderThan;
    }

    /** Problems first, each kind in the order found. */
    List<Finding> all() {
        return findings.stream().sorted(Comparator.comparing(Finding::level)).toList();
    }

    private void problem(String code, String what, String todo) {
        findings.add(new Finding(Level.PROBLEM, code, what, todo));
    }

    private void note(String code, String what, String todo) {
        findings.add(new Finding(Level.NOTE, code, what, todo));
    }

    void server(PostgresDatabase.Server server) {
        if (!server.autovacuum()) {
            autovacuumIsOff = true;
            problem(
                    "autovacuum",
                    "autovacuum or track_counts is off: deleted rows stay, and tables grow without end",
                    "Set autovacuum = on and track_counts = on in the server's settings, and reload them");
        }
        if (server.connections() >= server.mostConnections() * 0.9) {
            problem(
                    "connections",
                    server.connections() + " of " + server.mostConnections() + " connections are taken",
                    "Make pools smaller, or raise max_connections: each process takes its host's pool and 10 more");
        }
        if (!server.seesAll()) {
            note(
                    "not_seen",
                    "role \"" + server.role()
                            + "\" sees its own sessions alone: who else holds the horizon is not known",
                    "Let a superuser run GRANT pg_read_all_stats TO " + server.quotedRole());
        }
    }

    void clocks(PostgresDatabase.Clocks clocks) {
        Duration surely = clocks.skew().abs().minus(clocks.exactTo());
        if (surely.compareTo(SMALL_SKEW) > 0) {
            problem(
                    "clock",
                    "the clock of this process is " + shown(clocks.skew().abs())
                            + (clocks.skew().isNegative() ? " behind" : " ahead of") + " the database's",
                    "Let NTP set the clocks of both machines. Due times follow the database's clock, and ids carry the process's");
        }
    }

    void startWarnings(List<String> warnings) {
        warnings.forEach(sentence -> problem(
                "server_settings",
                sentence,
                "Change it, unless these messages may be lost (docs/operations.md, Server settings)"));
    }

    /** Takes the text of a check, which says what to do. */
    void refused(PostroomException refused) {
        problem("start", String.valueOf(refused.getMessage()), "A process does not start until this is mended");
    }

    void notSeen(String doing, StoreException failed) {
        note(
                "not_seen",
                String.valueOf(failed.getMessage()),
                "Grant the right to " + doing + ", or look again when the database is less busy");
    }

    void inspected(DatabaseInspection.Findings found) {
        found.obstacles()
                .forEach(
                        sentence -> problem("rights", sentence, "A process with workers needs this; this one may not"));
        found.warnings()
                .forEach(sentence -> problem("queue_settings", sentence, "Until then the setting has no effect"));
    }

    void horizon(List<Holder> holders) {
        holders.forEach(holder -> {
            switch (holder.kind()) {
                case SESSION -> session(holder);
                case PREPARED_TRANSACTION -> prepared(holder);
                case REPLICATION_SLOT -> slot(holder);
                case STANDBY -> standby(holder);
            }
        });
    }

    private boolean isOld(Holder holder) {
        return holder.seconds().isPresent() && holder.seconds().get() >= olderThan.toSeconds();
    }

    private void session(Holder holder) {
        if (isOld(holder)) {
            problem(
                    "horizon",
                    "session " + holder.name() + " (" + holder.application().orElse("no application name") + ", user "
                            + holder.user().orElse("unknown") + ", "
                            + holder.state().orElse("state unknown")
                            + ") has a transaction open for "
                            + shown(Duration.ofSeconds(holder.seconds().orElse(0L)))
                            + held(holder),
                    "End that transaction, or its session: SELECT pg_terminate_backend(" + holder.name() + ")");
        }
    }

    private static String held(Holder holder) {
        return ": deleted rows stay in every table since "
                + holder.transactions().map(count -> count + " transactions").orElse("then");
    }

    private void prepared(Holder holder) {
        if (isOld(holder)) {
            problem(
                    "horizon",
                    "transaction '" + holder.name() + "' of user "
                            + holder.user().orElse("unknown") + " was prepared "
                            + shown(Duration.ofSeconds(holder.seconds().orElse(0L))) + " ago and is not ended"
                            + held(holder),
                    "Ask its transaction manager, then COMMIT PREPARED or ROLLBACK PREPARED '" + holder.name() + "'");
        }
    }

    private void slot(Holder slot) {
        boolean isConsumed = slot.state().orElse("").equals("active");
        boolean holdsMuch = slot.transactions().orElse(0L) >= MANY_TRANSACTIONS;
        if (!isConsumed || holdsMuch) {
            problem(
                    "replication_slot",
                    "replication slot \"" + slot.name() + "\" is "
                            + slot.state().orElse("in an unknown state") + " and keeps "
                            + shownBytes(slot.walBytes().orElse(0L)) + " of WAL"
                            + slot.transactions()
                                    .map(count -> ", and rows deleted since " + count + " transactions")
                                    .orElse(""),
                    "Start what consumes it, or SELECT pg_drop_replication_slot('" + slot.name() + "')");
        }
    }

    private void standby(Holder standby) {
        String what = "standby \"" + standby.name() + "\" holds the horizon back by "
                + standby.transactions().orElse(0L) + " transactions, for queries that run on it";
        String todo = "End long queries there, or set hot_standby_feedback = off on the standby";
        if (standby.transactions().orElse(0L) >= MANY_TRANSACTIONS) {
            problem("horizon", what, todo);
        } else {
            note("horizon", what, todo);
        }
    }

    void table(Table table, boolean autovacuumIsOffHere) {
        if (autovacuumIsOffHere && !autovacuumIsOff) {
            problem(
                    "autovacuum",
                    "autovacuum is off for table postroom." + table.name() + " or a partition of it",
                    "ALTER TABLE postroom." + table.name() + " RESET (autovacuum_enabled)");
        }
        if (table.deadRows() >= MANY_DEAD_ROWS && table.deadRows() >= table.liveRows() * DEAD_TO_LIVE) {
            problem(
                    "dead_rows",
                    "table postroom." + table.name() + " has " + table.deadRows() + " dead rows beside "
                            + table.liveRows() + " live ones (" + shownBytes(table.bytes()) + ")",
                    "Look who holds the horizon, then VACUUM postroom." + table.name());
        }
    }

    void daysAhead(String table, Duration ahead) {
        if (ahead.compareTo(ENOUGH_AHEAD) < 0) {
            problem(
                    "days",
                    "the days of postroom." + table
                            + (ahead.isNegative() || ahead.isZero()
                                    ? " are used up: rows go to the tail, which is not purged as a day"
                                    : " reach only " + shown(ahead) + " ahead"),
                    "Let one process with workers connect as the owner of the tables: its job MaintainPartitions makes days");
        }
    }

    /** Answers how many are late. */
    int latePurge(int late, @Nullable Instant oldest) {
        if (late > 0) {
            problem(
                    "purge",
                    late + (late >= 10_000 ? " or more" : "")
                            + " finished messages should have been removed three days ago, the oldest of " + oldest,
                    "Let one process with workers connect as the owner of the tables, and look into its log for RemoveQueueMessages");
        }
        return late;
    }

    /** Answers whether somebody must look at it. */
    boolean operation(String id, String progress, int canary, Duration sinceStep, Duration sinceBegin) {
        String operation = "operation " + id + " (" + progress + ")";
        if (sinceStep.compareTo(LONG_STEP) > 0) {
            problem(
                    "operation",
                    operation + " has taken no step for " + shown(sinceStep),
                    "Start a process with workers, which carries it on, or stop the operation");
        } else if (canary > 0 && sinceBegin.compareTo(LONG_CANARY) > 0) {
            problem(
                    "operation",
                    operation + " has waited " + shown(sinceBegin) + " for its first " + canary + " messages to end",
                    "Look why these wait (explain), or stop the operation and begin one without a canary");
        } else {
            return false;
        }
        return true;
    }

    static boolean isAnyAlive(List<Worker> workers) {
        return workers.stream().anyMatch(worker -> worker.silentFor().compareTo(SILENCE) < 0);
    }

    /** Takes queues whose messages wait without a live consumer. Asked only while some process that handles messages is alive. */
    void notConsumed(List<String> queues) {
        queues.forEach(queue -> problem(
                "no_consumer",
                "messages of queue " + queue + " wait, and no live process has a handler for it",
                "Start a process with such a handler, or let it go on: postroom consumers " + queue + " --start"));
    }

    void workers(List<Worker> workers, boolean anythingWaits) {
        if (!isAnyAlive(workers) && anythingWaits) {
            problem(
                    "no_worker",
                    "messages wait, and no process that handles messages is alive",
                    "Start one, and look at the log of those that ended. A process without handlers, such as a server on"
                            + " its own, runs jobs and creates messages, and is not counted");
        }
        for (Worker worker : workers) {
            if (worker.silentFor().compareTo(SILENCE) < 0) {
                continue;
            }
            String silent = "worker " + worker.name() + " has sent no heartbeat for " + shown(worker.silentFor());
            if (worker.holds() > 0) {
                problem(
                        "worker_silent",
                        silent + " and still holds " + worker.holds() + " messages",
                        "Start a process with workers, which takes them over, and look why this one is silent");
            } else {
                note(
                        "worker_silent",
                        silent + "; others have taken over what it held",
                        "Nothing, if it was killed. Else look at its log, and at its way to the database");
            }
        }
    }

    /** Answers the queue. */
    /** What runs with its owner's rights is a problem; the others do for each caller what the caller's own rights allow. */
    List<PostgresDatabase.PublicFunction> publicFunctions(List<PostgresDatabase.PublicFunction> functions) {
        if (!functions.isEmpty()) {
            PostgresDatabase.PublicFunction first = functions.get(0);
            String what = functions.size() + " functions may be called by everybody who may use the schema, such as "
                    + first.name() + " of " + first.owner();
            String todo =
                    "Let a superuser, or their owner, run REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom FROM PUBLIC";
            if (first.isDoor()) {
                problem("public_functions", what + ", which runs with the rights of its owner", todo);
            } else {
                note("public_functions", what, todo);
            }
        }
        return functions;
    }

    String deadLetterExchange(String queue, @Nullable String exchange) {
        problem(
                "dead_letter_exchange",
                exchange == null
                        ? "queue \"" + queue
                                + "\" rejects to its dead letter exchange when it is full, and has none: it only rejects"
                        : "queue \"" + queue + "\" has the dead letter exchange \"" + exchange
                                + "\", which does not exist: its dead letters stay (dlx_unroutable)",
                exchange == null
                        ? "Give the queue a dead letter exchange, or overflow reject"
                        : "Declare that exchange, or take it out of the queue's settings");
        return queue;
    }

    private static String shown(Duration duration) {
        long seconds = duration.toSeconds();
        if (seconds < 10) {
            return duration.toMillis() / 1000.0 + " s";
        } else if (seconds < 600) {
            return seconds + " s";
        } else if (seconds < 36_000) {
            return seconds / 60 + " min";
        }
        return seconds < 172_800 ? seconds / 3600 + " h" : seconds / 86_400 + " days";
    }

    private static String shownBytes(long bytes) {
        if (bytes < 10_240) {
            return bytes + " bytes";
        }
        long kilobytes = bytes / 1024;
        return kilobytes < 10_240 ? kilobytes + " kB" : kilobytes / 1024 + " MB";
    }
}
