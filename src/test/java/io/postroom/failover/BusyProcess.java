package io.postroom.failover;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/**
 * Producers and handlers that go on through an outage. What was acknowledged and what was handled is noted here, outside of the database.
 * A producer repeats a message under its id until it is acknowledged, at most twenty times a second.
 */
final class BusyProcess implements AutoCloseable {
    private static final int PRODUCERS = 4;
    private static final Duration PAUSE = Duration.ofMillis(50);

    /** Acknowledged messages with the {@link System#nanoTime} of their answers. */
    final Map<UUID, Long> acknowledged = new ConcurrentHashMap<>();
    /** Answers and first runs of handlers, in the order of time. */
    final ConcurrentSkipListSet<Long> acknowledgedAt = new ConcurrentSkipListSet<>();

    final ConcurrentSkipListSet<Long> handledAt = new ConcurrentSkipListSet<>();
    final Map<UUID, AtomicInteger> runs = new ConcurrentHashMap<>();
    final LongAdder refusals = new LongAdder();
    final Postroom postroom;

    private final Set<String> errors = ConcurrentHashMap.newKeySet();
    private final HikariDataSource pool;
    private final List<Thread> producers = new ArrayList<>();
    private volatile boolean stops;

    BusyProcess(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(8);
        config.setConnectionTimeout(3_000);
        pool = new HikariDataSource(config);
        EngineSettings defaults = EngineSettings.defaults("busy");
        postroom = Postroom.on(pool)
                .settings(new EngineSettings(
                        defaults.name(),
                        Duration.ofSeconds(10),
                        Duration.ofSeconds(2),
                        Duration.ofMillis(200),
                        true,
                        true))
                .handler(Handler.process("busy", String.class, (payload, context) -> {
                    runs.computeIfAbsent(context.id(), unused -> new AtomicInteger())
                            .incrementAndGet();
                    handledAt.add(System.nanoTime());
                    return Outcome.done();
                }))
                .start();
        for (int i = 0; i < PRODUCERS; i++) {
            Thread producer = new Thread(this::produce, "producer-" + i);
            producer.setDaemon(true);
            producer.start();
            producers.add(producer);
        }
    }

    private void produce() {
        try {
            while (!stops) {
                UUID id = MessageIds.next();
                while (!isAcknowledged(id) && !stops) {
                    Thread.sleep(PAUSE.toMillis());
                }
                Thread.sleep(5);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean isAcknowledged(UUID id) {
        try {
            postroom.queueMessages()
                    .createMessage(CreateMessage.to("busy").payload("x").id(id));
            long now = System.nanoTime();
            acknowledged.put(id, now);
            acknowledgedAt.add(now);
            return true;
        } catch (PostroomException away) {
            refusals.increment();
            errors.add(String.valueOf(away.getMessage()).replaceAll("[0-9a-f]{8}-[0-9a-f-]{27}", "<id>"));
            return false;
        }
    }

    /** The different texts of refusals. */
    Set<String> errors() {
        return errors;
    }

    /** Ends the producers; handlers go on. */
    void stopProducing() throws InterruptedException {
        stops = true;
        for (Thread producer : producers) {
            producer.join(60_000);
        }
    }

    @Override
    public void close() {
        stops = true;
        postroom.close();
        pool.close();
    }
}
