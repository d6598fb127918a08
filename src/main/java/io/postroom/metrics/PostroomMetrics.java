package io.postroom.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.HolderKind;
import io.postroom.api.QueueStats;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.QueueStatsListener;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
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
 * {@code sum}. Thread-safe.
 */
public final class PostroomMetrics implements PostroomListener, QueueStatsListener {
    public static final String MESSAGES = "postroom.messages";
    public static final String QUEUES = "postroom.queues";
    public static final String QUEUE_MESSAGES = "postroom.queue.messages";
    public static final String OLDEST_AGE = "postroom.queue.oldest.age";
    public static final String CONSUMERS = "postroom.queue.consumers";
    public static final String HORIZON_AGE = "postroom.database.horizon.age";
    public static final String HORIZON_TRANSACTIONS = "postroom.database.horizon.transactions";

    /** Holders appear under so many names in the life of this process; later ones are {@value QueueTags#OTHER}. */
    private static final int MOST_HOLDERS = 100;

    private final MeterRegistry registry;
    private final Map<String, Map<String, Counter>> counters = new ConcurrentHashMap<>();
    private final QueueTags tags = new QueueTags();
    private final MultiGauge queues;
    private final MultiGauge messages;
    private final MultiGauge oldest;
    private final MultiGauge consumers;
    private final MultiGauge horizonAge;
    private final MultiGauge horizonTransactions;
    private final QueueTags holderTags = new QueueTags(MOST_HOLDERS);

    public PostroomMetrics(MeterRegistry registry) {
        this.registry = registry;
        queues = MultiGauge.builder(QUEUES)
                .description("Queues whose messages are counted")
                .register(registry);
        messages = MultiGauge.builder(QUEUE_MESSAGES)
                .description("Messages of a queue by state, counted up to a bound")
                .register(registry);
        oldest = MultiGauge.builder(OLDEST_AGE)
                .description("Age of the message at the head of a queue")
                .baseUnit("seconds")
                .register(registry);
        consumers = MultiGauge.builder(CONSUMERS)
                .description("Live consumers of a queue in all processes")
                .register(registry);
        horizonAge = MultiGauge.builder(HORIZON_AGE)
                .description("Age of the transaction that keeps deleted rows in the tables")
                .baseUnit("seconds")
                .register(registry);
        horizonTransactions = MultiGauge.builder(HORIZON_TRANSACTIONS)
                .description("Transactions begun since the one that keeps deleted rows in the tables")
                .register(registry);
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
        queues.register(counted ? List.of(Row.of(Tags.empty(), stats.size())) : List.of(), true);
        onStats(stats);
    }

    @Override
    public void onStats(List<QueueStats> stats) {
        List<Row<?>> counts = new ArrayList<>();
        List<Row<?>> ages = new ArrayList<>();
        List<Row<?>> live = new ArrayList<>();
        Instant now = Instant.now();
        for (QueueStats queue : stats) {
            Tags queueTag = Tags.of("queue", queue.queue());
            counts.add(Row.of(queueTag.and("state", "ready"), queue.ready()));
            counts.add(Row.of(queueTag.and("state", "delayed"), queue.delayed()));
            counts.add(Row.of(queueTag.and("state", "in_progress"), queue.inProgress()));
            counts.add(Row.of(queueTag.and("state", "dead"), queue.dead()));
            double age = queue.oldestReadyAt()
                    .map(since -> Duration.between(since, now).toMillis() / 1000.0)
                    .orElse(0.0);
            ages.add(Row.of(queueTag, Math.max(0, age))); // the clock of the database may be ahead
            live.add(Row.of(queueTag, queue.consumers()));
        }
        messages.register(counts, true);
        oldest.register(ages, true);
        consumers.register(live, true);
    }

    @Override
    public void onHorizon(List<Holder> holders) {
        Map<HolderKind, Holder> most = new EnumMap<>(HolderKind.class);
        holders.forEach(holder -> most.putIfAbsent(holder.kind(), holder)); // the one that holds most comes first
        List<Row<?>> ages = new ArrayList<>();
        List<Row<?>> transactions = new ArrayList<>();
        for (Holder holder : most.values()) {
            String name =
                    holder.kind() == HolderKind.SESSION ? holder.application().orElse("unnamed") : holder.name();
            Tags who = Tags.of("kind", holder.kind().name().toLowerCase(Locale.ROOT), "holder", holderTags.of(name));
            holder.seconds().ifPresent(seconds -> ages.add(Row.of(who, seconds)));
            holder.transactions().ifPresent(begun -> transactions.add(Row.of(who, begun)));
        }
        horizonAge.register(ages, true);
        horizonTransactions.register(transactions, true);
    }
}
