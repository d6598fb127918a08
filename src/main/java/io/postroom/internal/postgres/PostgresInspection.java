package io.postroom.internal.postgres;

import io.postroom.api.RetryPolicy;
import io.postroom.internal.postgres.connection.AccessCheck;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.DatabaseInspection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/** Looks at the rights of the engine's role, at settings of queues outside their limits, and at jobs that no process runs. */
public final class PostgresInspection implements DatabaseInspection {
    /** A mistake that was made for all of ten thousand queues is said about the first few. */
    private static final int MOST_SENTENCES = 20;

    /** A process that has just started may be the first one for days, and has not had its turns yet. */
    private static final Duration UNTIL_JOBS_HAD_TURNS = Duration.ofHours(2);

    private final DataSource source;
    private final long jobsHadTurnsAtNanos;

    /** @param source the engine's connections */
    public PostgresInspection(DataSource source) {
        this(source, UNTIL_JOBS_HAD_TURNS);
    }

    PostgresInspection(DataSource source, Duration untilJobsHadTurns) {
        this.source = source;
        this.jobsHadTurnsAtNanos = System.nanoTime() + untilJobsHadTurns.toNanos();
    }

    @Override
    public Findings inspect() {
        AccessCheck access = AccessCheck.of(source);
        List<String> warnings = new ArrayList<>(access.warnings());
        if (access.obstacles().isEmpty()) {
            warnings.addAll(slippedIn());
            if (System.nanoTime() - jobsHadTurnsAtNanos >= 0) {
                warnings.addAll(idleJobs());
            }
        }
        return new Findings(access.obstacles(), warnings);
    }

    private List<String> idleJobs() {
        return new StoreTransactions(source).several("look at the locks of jobs", connection -> {
            try (Sql.Call call = PostgresJobLocks.IDLE_FOR_A_DAY.on(connection)) {
                return call.list(
                        row -> "job " + row.getString(1) + " has had no turn in any process since " + row.getString(3)
                                + "; its lock is of " + row.getString(2) + " and ends at " + row.getString(4)
                                + ". Messages pile up, or days are missing. Look for errors of that job in the logs of all processes");
            }
        });
    }

    private List<String> slippedIn() {
        return new StoreTransactions(source).several("look at the settings of queues", connection -> {
            List<String> sentences = new ArrayList<>();
            try (Sql.Call call = QueueSql.SLIPPED_IN.on(connection)) {
                call.list(row -> sentences.addAll(slippedIn(row)));
            }
            return sentences.size() <= MOST_SENTENCES ? sentences : shortened(sentences);
        });
    }

    private static List<String> shortened(List<String> sentences) {
        List<String> few = new ArrayList<>(sentences.subList(0, MOST_SENTENCES));
        few.add((sentences.size() - MOST_SENTENCES)
                + " more settings of queues are outside their limits or cannot be read");
        return few;
    }

    private static List<String> slippedIn(ResultSet row) throws SQLException {
        String queue = "queue \"" + row.getString(1) + "\"";
        List<String> sentences = new ArrayList<>();
        if (row.getString(2) != null) {
            sentences.add(
                    queue + " has the time_to_live " + row.getString(2)
                            + ", which is ignored: messages without one of their own never expire. Set 1 millisecond to 400 days, or null");
        }
        if (row.getString(3) != null) {
            sentences.add(queue + " has the retention " + row.getString(3)
                    + ", which is outside its limits. Set 0 to 400 days, or 365000 days for ever");
        }
        String waits = row.getString(4);
        if (waits != null && !waits.equals("custom") && !isReadable(waits)) {
            sentences.add(
                    queue + " has the retry_after \"" + waits
                            + "\", which cannot be read: the waits of its handlers hold. Set waits such as 10s, or 10s, 1m, or 1s..1h");
        }
        return sentences;
    }

    private static boolean isReadable(String waits) {
        try {
            RetryPolicy.parse(1, waits);
            return true;
        } catch (RuntimeException unreadable) {
            return false;
        }
    }
}
