package io.postroom.testing;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Puts messages into the places they can be in, by SQL alone, at any age: what the views, audits, checks and jobs have to deal with,
 * without an engine that would have to be led there.
 *
 * <pre>{@code
 * UUID id = messages.message("mail").type("ticket", 1).age(Duration.ofDays(3)).attempt(worker, "retry", "refused").ready();
 * }</pre>
 */
public final class PlacedMessages {
    private static final List<String> OUTCOMES =
            List.of("done", "cancelled", "expired", "retry", "snooze", "not_now", "reject", "failed", "crashed");

    private final JdbcClient sql;

    public PlacedMessages(DataSource dataSource) {
        this(JdbcClient.create(dataSource));
    }

    public PlacedMessages(JdbcClient sql) {
        this.sql = sql;
    }

    /** The queue's id; made if need be. */
    public int queue(String name) {
        sql.sql("INSERT INTO postroom.queue (name) VALUES (?) ON CONFLICT DO NOTHING")
                .param(name)
                .update();
        return sql.sql("SELECT id FROM postroom.queue WHERE name = ?")
                .param(name)
                .query(Integer.class)
                .single();
    }

    /** A worker that has just beaten. */
    public int worker(String name) {
        return sql.sql(
                        "INSERT INTO postroom.worker (instance, name, version) VALUES (gen_random_uuid(), ?, '1') RETURNING id")
                .param(name)
                .query(Integer.class)
                .single();
    }

    /** A consumer of that worker. */
    public void consumer(int worker, String queue, String handler, String... types) {
        sql.sql("""
                        INSERT INTO postroom.consumer (worker_id, queue_id, handler, direction, concurrency, mode, types)
                        VALUES (?, ?, ?, 0, 4, 'LEASED', ?)
                        """).params(worker, queue(queue), handler, types).update();
    }

    public Draft message(String queue) {
        return new Draft(queue(queue));
    }

    /** A UUIDv7 of that age. */
    public static UUID idOfAge(Duration age) {
        long millis = Instant.now().minus(age).toEpochMilli();
        ThreadLocalRandom random = ThreadLocalRandom.current();
        return new UUID(
                millis << 16 | 0x7000L | random.nextLong(0x1000),
                random.nextLong() & 0x3FFF_FFFF_FFFF_FFFFL | 0x8000_0000_0000_0000L);
    }

    /** A message about to be put somewhere; a terminal method writes it. */
    public final class Draft {
        private record PastAttempt(
                @Nullable Integer worker,
                String outcome,
                @Nullable String error,
                Duration took) {}

        private final int queue;
        private final List<PastAttempt> attempts = new ArrayList<>();
        private Duration age = Duration.ZERO;
        private int priority = 4;
        private int direction = 0;
        private @Nullable String type;
        private int version;
        private @Nullable String correlationId;
        private @Nullable String headers;
        private @Nullable String createdBy;
        private String payload = "{\"a\": 1}";
        private int failures;
        private int crashes;

        private Draft(int queue) {
            this.queue = queue;
        }

        /** Made that long ago; its id says the same. */
        public Draft age(Duration age) {
            this.age = age;
            return this;
        }

        public Draft priority(int priority) {
            this.priority = priority;
            return this;
        }

        public Draft incoming() {
            direction = 1;
            return this;
        }

        public Draft type(String type, int version) {
            this.type = type;
            this.version = version;
            return this;
        }

        public Draft correlationId(String id) {
            correlationId = id;
            return this;
        }

        public Draft customer(String customer) {
            headers = "{\"customer\": \"" + customer + "\"}";
            return this;
        }

        public Draft createdBy(String who) {
            createdBy = who;
            return this;
        }

        /** A line of history, a second after creation and one after the other; counted as failure or crash where it is one. */
        public Draft attempt(@Nullable Integer worker, String outcome, @Nullable String error) {
            return attempt(worker, outcome, error, Duration.ofMillis(100));
        }

        public Draft attempt(@Nullable Integer worker, String outcome, @Nullable String error, Duration took) {
            attempts.add(new PastAttempt(worker, outcome, error, took));
            failures += outcome.equals("retry") || outcome.equals("failed") ? 1 : 0;
            crashes += outcome.equals("crashed") ? 1 : 0;
            return this;
        }

        /** READY at its first place if it has no history, else moved. */
        public UUID ready() {
            boolean moved = !attempts.isEmpty();
            long seq = nextSeq();
            UUID id = write(moved ? 0 : seq);
            sql.sql("""
                            INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id, moved)
                            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                            """)
                    .params(seq, queue, priority, failures, crashes, attempts.size(), id, moved)
                    .update();
            return id;
        }

        /** DELAYED for that long from now; negative: overdue. */
        public UUID delayed(Duration wait, String reason) {
            UUID id = write(0);
            sql.sql("""
                            INSERT INTO postroom.delayed (due_at, queue_id, priority, failures, crashes, deliveries, message_id, reason)
                            VALUES (clock_timestamp() + ? * interval '1 millisecond', ?, ?, ?, ?, ?, ?, ?)
                            """)
                    .params(wait.toMillis(), queue, priority, failures, crashes, attempts.size(), id, reason)
                    .update();
            return id;
        }

        /** IN_PROGRESS under a lease of its own. */
        public UUID leased(int worker) {
            UUID id = write(nextSeq());
            sql.sql("""
                            INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries)
                            VALUES (?, ?, ?, ARRAY[?], B'1', ARRAY[?::smallint], ARRAY[?::smallint], ARRAY[?::smallint])
                            """)
                    .params(worker, queue, priority, id, failures, crashes, attempts.size())
                    .update();
            return id;
        }

        public UUID dead(String reason, String errorClass, String error, String fingerprint) {
            UUID id = write(nextSeq());
            sql.sql("""
                            INSERT INTO postroom.dead_letter
                                (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class, error, fingerprint)
                            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                            """)
                    .params(
                            queue,
                            priority,
                            failures,
                            crashes,
                            attempts.size(),
                            id,
                            reason,
                            errorClass,
                            error,
                            fingerprint)
                    .update();
            return id;
        }

        /** Finished by its last attempt, which must say so. */
        public UUID finished() {
            return write(nextSeq());
        }

        /** Finished that long ago by {@code done}, {@code cancelled} or {@code expired}. */
        public UUID finishedAgo(int worker, String outcome, Duration ago) {
            UUID id = write(nextSeq());
            history(id, attempts.size() + 1, worker, outcome, null, ago, Duration.ofMillis(100));
            return id;
        }

        /** Puts the message in no place at all. */
        public UUID nowhere() {
            return write(nextSeq());
        }

        private long nextSeq() {
            return sql.sql("SELECT nextval('postroom.ready_seq')")
                    .query(Long.class)
                    .single();
        }

        private UUID write(long seq) {
            UUID id = idOfAge(age);
            sql.sql("""
                            INSERT INTO postroom.message
                                (id, seq, created_at, queue_id, priority, direction, type, type_version, correlation_id, headers,
                                 created_by, payload)
                            VALUES (?, ?, clock_timestamp() - ? * interval '1 millisecond', ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?::jsonb)
                            """)
                    .params(
                            id,
                            seq,
                            age.toMillis(),
                            queue,
                            priority,
                            direction,
                            type,
                            version,
                            correlationId,
                            headers,
                            createdBy,
                            payload)
                    .update();
            for (int i = 0; i < attempts.size(); i++) {
                PastAttempt past = attempts.get(i);
                Duration ago = age.minusSeconds(i + 1);
                history(
                        id,
                        i + 1,
                        past.worker,
                        past.outcome,
                        past.error,
                        ago.isNegative() ? Duration.ZERO : ago,
                        past.took);
            }
            return id;
        }

        private void history(
                UUID id,
                int number,
                @Nullable Integer worker,
                String outcome,
                @Nullable String error,
                Duration ago,
                Duration took) {
            sql.sql("""
                            INSERT INTO postroom.attempt
                                (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome, error_class, error)
                            SELECT ?, f.at - ? * interval '1 millisecond', f.at, ?, ?, ?, ?, ?, ?, ?
                            FROM (SELECT clock_timestamp() - ? * interval '1 millisecond' AS at) f
                            """)
                    .params(
                            id,
                            took.toMillis(),
                            worker == null ? null : 1000L + number,
                            queue,
                            worker,
                            number,
                            OUTCOMES.indexOf(outcome),
                            error == null ? null : "java.io.IOException",
                            error,
                            ago.toMillis())
                    .update();
        }
    }
}
