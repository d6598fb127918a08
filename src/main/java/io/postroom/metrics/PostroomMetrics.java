package io.postroom.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.QueueStats;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.QueueStatsListener;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Meters of Postroom. Give one object to {@code Postroom.Builder.listener} and to {@code queueStatsListener}; the starter does.
 *
 * <ul>
 *   <li>{@value #MESSAGES}: counter, what became of attempts in this process; tags queue, outcome (the words of {@link
 *       io.postroom.api.Attempt#outcome()}; {@code released}: given back without an attempt)
 *   <li>{@value #QUEUES}: gauge, queues that are counted, at most 1,000; 0: there is none yet. Only in the process that publishes, so that
 *       a database which nobody measures differs from one without queues
 *   <li>{@value #QUEUE_MESSAGES}: gauge, messages of a queue now; tags queue, state (ready, delayed, in_progress, dead). A count
 *       has a bound: see {@link QueueStatsListener}
 *   <li>{@value #OLDEST_AGE}: gauge, seconds since the message at the head of READY was created; tag queue. 0: nothing waits
 *   <li>{@value #CONSUMERS}: gauge, live consumers of a queue in all processes; tag queue
 *   <li>{@value #HORIZON_AGE}: gauge, seconds since the transaction of the holder of the horizon began; {@value #HORIZON_TRANSACTIONS}:
 *       gauge, transactions that have begun since; tags kind (session, replication_slot, standby, prepared_transaction) and holder, the
 *       application's name of a session or the name of the slot, standby or prepared transaction. One holder for each kind, the one that
 *       holds most. Nothing: nobody holds it
 * </ul>
 *
 * The gauges are those of the whole database. One process publishes them: see {@link QueueStatsListener}. So alerts take {@code max}, not
 * {@code sum}. With several homes the gauges of each have its name as a further tag, home. Thread-safe.
 */
public final class PostroomMetrics implements PostroomListener, QueueStatsListener {
    public static final String MESSAGES = "postroom.messages";
    public static final String QUEUES = "postroom.queues";
    public static final String QUEUE_MESSAGES = "postroom.queue.messages";
    public static final String OLDEST_AGE = "postroom.queue.oldest.age";
    public static final String CONSUMERS = "postroom.queue.consumers";
    public static final String HORIZON_AGE = "postroom.database.horizon.age";
    public static final String HORIZON_TRANSACTIONS = "postroom.database.horizon.transactions";

    private final MeterRegistry registry;
    private final Map<String, Map<String, Counter>> counters = new ConcurrentHashMap<>();
    private final QueueTags tags = new QueueTags();
    private final DatabaseGauges gauges;

    public PostroomMetrics(MeterRegistry registry) {
        this.registry = registry;
        gauges = new DatabaseGauges(registry, Tags.empty());
    }

    @Override
    public void onEvent(MessageEvent event) {
        String outcome = event.outcome().isEmpty() ? "released" : event.outcome();
        String queue = tags.of(event.queue());
        counters.computeIfAbsent(queue, any -> new ConcurrentHashMap<>())
                .computeIfAbsent(outcome, any -> counter(queue, outcome))
                .increment();
    }

    private Counter counter(String queue, String outcome) {
        return Counter.builder(MESSAGES)
                .description("Ends of attempts in this process")
                .tag("queue", queue)
                .tag("outcome", outcome)
                .register(registry);
    }

    @Override
    public void onStats(List<QueueStats> stats, boolean counted) {
        gauges.onStats(stats, counted);
    }

    @Override
    public void onStats(List<QueueStats> stats) {
        gauges.onStats(stats);
    }

    @Override
    public void onHorizon(List<Holder> holders) {
        gauges.onHorizon(holders);
    }

    /**
     * Returns the gauges of one of several homes, with its name as the tag {@code home}. Registries such as that of Prometheus take no
     * gauges without the tag beside them, so do not give this object itself to the engine of another database.
     */
    @Override
    public QueueStatsListener ofHome(String home) {
        return new DatabaseGauges(registry, Tags.of("home", home));
    }
}
