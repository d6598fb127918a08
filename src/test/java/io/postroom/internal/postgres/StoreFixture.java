package io.postroom.internal.postgres;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.NextState;
import io.postroom.internal.storage.PollRequest;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Stores;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** A store, a queue and a worker of the test's own, and short words for the usual steps. */
final class StoreFixture {
    private static final AtomicInteger NUMBERS = new AtomicInteger();
    static final short[] ALL_LANES = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};

    final DataSource pool;
    final Stores stores;
    final QueueRow queue;
    final UUID instance = UUID.randomUUID();
    final int worker;

    StoreFixture(DataSource pool) {
        this.pool = pool;
        this.stores = PostgresStores.on(pool);
        this.queue = newQueue();
        this.worker = stores.workers().register(instance, "test", "1");
    }

    QueueRow newQueue() {
        return stores.queues().declare(QueueSettings.of("q" + NUMBERS.incrementAndGet()));
    }

    int newWorker() {
        return stores.workers().register(UUID.randomUUID(), "another", "1");
    }

    // ---- enqueue

    Plan message() {
        return new Plan(queue);
    }

    EnqueueResult enqueue(Plan plan) {
        try (Connection connection = pool.getConnection()) {
            return stores.enqueue().enqueue(plan.build(), connection);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    UUID enqueue() {
        return enqueue(message()).id();
    }

    List<EnqueueResult> enqueueAll(Plan... plans) {
        try (Connection connection = pool.getConnection()) {
            return stores.enqueue()
                    .enqueue(java.util.Arrays.stream(plans).map(Plan::build).toList(), connection);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    // ---- poll

    PollSummary summary() {
        return stores.workers().summarize(worker, null);
    }

    /** @param since null: the queue is reported, whether or not it was changed */
    PollResult poll(long[] lowWatermarks, @Nullable String since) {
        return stores.workers()
                .poll(new PollRequest(
                        worker, new int[0], 0, new int[] {queue.id()}, lowWatermarks, new int[0], since, true));
    }

    /** As {@link #poll}, with one low watermark for all lanes. */
    PollResult pollEvenly(long lowWatermark, @Nullable String since, boolean look) {
        return stores.workers()
                .poll(new PollRequest(
                        worker,
                        new int[] {queue.id()},
                        lowWatermark,
                        new int[0],
                        new long[0],
                        new int[0],
                        since,
                        look));
    }

    QueueReport report(long[] lowWatermarks) {
        return poll(lowWatermarks, null).queues().get(0);
    }

    // ---- claim and complete

    ClaimRequest request(int limit) {
        return new ClaimRequest(
                worker,
                queue.id(),
                queue.name(),
                false,
                ALL_LANES,
                new long[10],
                limit,
                200,
                limit,
                ClaimKind.ORDINARY);
    }

    List<ClaimedMessage> claim(int limit) {
        return stores.leases().claim(request(limit));
    }

    ClaimedMessage claimOne() {
        List<ClaimedMessage> claimed = claim(1);
        if (claimed.size() != 1) {
            throw new AssertionError("expected one free message, found " + claimed.size());
        }
        return claimed.get(0);
    }

    List<ClaimedMessage> claimSuspect() {
        return claimSuspect(ClaimKind.SUSPECT);
    }

    List<ClaimedMessage> claimSuspect(ClaimKind kind) {
        return stores.leases()
                .claim(new ClaimRequest(
                        worker, queue.id(), queue.name(), false, ALL_LANES, new long[10], 10, 200, 10, kind));
    }

    static Completion done(ClaimedMessage message) {
        long now = System.nanoTime();
        return Completion.done(message, now - 3_000_000, now - 1_000_000);
    }

    static Completion retry(ClaimedMessage message, Duration delay, String error) {
        return retry(message, delay, Failure.of(error));
    }

    static Completion retry(ClaimedMessage message, Duration delay, Failure failure) {
        long now = System.nanoTime();
        return new Completion(
                message,
                AttemptOutcome.RETRY,
                NextState.DELAYED,
                delay,
                "retry",
                failure,
                message.counters().failures() + 1,
                now - 3_000_000,
                now);
    }

    static Completion dead(ClaimedMessage message, String error) {
        long now = System.nanoTime();
        return new Completion(
                message,
                AttemptOutcome.FAILED,
                NextState.DEAD,
                Duration.ZERO,
                "attempts_spent",
                Failure.of(error),
                message.counters().failures() + 1,
                now - 3_000_000,
                now);
    }

    /** The worker has not been heard of for an hour. */
    void silence(int workerId) {
        execute("UPDATE postroom.worker SET beat_at = beat_at - interval '1 hour' WHERE id = " + workerId);
    }

    /** Rescue keeps still for one lease time after a restart of the server, which these tests' server just had. */
    static final Duration LEASE_TIME = Duration.ofMillis(500);

    // ---- look

    /** The places a message is in now, in the order of the enum's life: exactly one of them at any time. */
    List<String> places(UUID id) {
        return texts("""
                SELECT 'ready' FROM postroom.ready WHERE message_id = '%1$s'
                UNION ALL SELECT 'grouped' FROM postroom.grouped WHERE message_id = '%1$s'
                UNION ALL SELECT 'delayed' FROM postroom.delayed WHERE message_id = '%1$s'
                UNION ALL SELECT 'lease' FROM postroom.lease l, unnest(l.message_ids) WITH ORDINALITY u (id, place)
                          WHERE u.id = '%1$s' AND get_bit(l.open, (u.place - 1)::int) = 1
                UNION ALL SELECT 'dead' FROM postroom.dead_letter WHERE message_id = '%1$s'
                UNION ALL SELECT 'finished' FROM postroom.attempt WHERE message_id = '%1$s' AND outcome <= 2
                """.formatted(id));
    }

    void execute(String sql) {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    List<String> texts(String sql) {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            List<String> texts = new java.util.ArrayList<>();
            while (rows.next()) {
                texts.add(rows.getString(1));
            }
            return texts;
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    String text(String sql) {
        return texts(sql).get(0);
    }

    long number(String sql) {
        return Long.parseLong(text(sql));
    }

    /** A message in the making. */
    static final class Plan {
        private final QueueRow queue;
        UUID id = MessageIds.next();
        boolean givenId;
        int priority = 4;
        Direction direction = Direction.OUTGOING;

        @Nullable
        String type = "test.message";

        int version = 1;

        @Nullable
        String payload = "{\"number\": 1}";

        byte @Nullable [] body;

        @Nullable
        String contentType;

        @Nullable
        String headers;

        @Nullable
        String correlation;

        @Nullable
        String group;

        @Nullable
        Duration delay;

        @Nullable
        Instant dueAt;

        @Nullable
        Duration timeToLive;

        @Nullable
        String key;

        Plan(QueueRow queue) {
            this.queue = queue;
        }

        Plan id(UUID given) {
            id = given;
            givenId = true;
            return this;
        }

        Plan priority(int value) {
            priority = value;
            return this;
        }

        Plan payload(String json) {
            payload = json;
            return this;
        }

        Plan body(byte[] bytes) {
            payload = null;
            body = bytes;
            contentType = "application/octet-stream";
            return this;
        }

        Plan headers(String json) {
            headers = json;
            return this;
        }

        Plan correlation(String value) {
            correlation = value;
            return this;
        }

        Plan type(@Nullable String name, int number) {
            type = name;
            version = number;
            return this;
        }

        Plan delay(Duration value) {
            delay = value;
            return this;
        }

        Plan dueAt(Instant value) {
            dueAt = value;
            return this;
        }

        Plan timeToLive(Duration value) {
            timeToLive = value;
            return this;
        }

        Plan group(String value) {
            group = value;
            return this;
        }

        Plan key(String value) {
            key = value;
            return this;
        }

        NewMessage build() {
            Content content = new Content(
                    direction, type, version, payload, body, contentType, headers, correlation, null, null, group);
            return new NewMessage(
                    id, givenId, queue.id(), queue.name(), priority, content, delay, dueAt, timeToLive, key);
        }
    }
}
