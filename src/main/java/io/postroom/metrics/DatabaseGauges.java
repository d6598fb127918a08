package io.postroom.metrics;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.HolderKind;
import io.postroom.api.QueueStats;
import io.postroom.handler.QueueStatsListener;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The gauges of one database. Thread-safe. */
final class DatabaseGauges implements QueueStatsListener {
    /** Holders appear under so many names in the life of this process; later ones are {@value QueueTags#OTHER}. */
    private static final int MOST_HOLDERS = 100;

    private final Tags database;
    private final MultiGauge queues;
    private final MultiGauge messages;
    private final MultiGauge oldest;
    private final MultiGauge consumers;
    private final MultiGauge horizonAge;
    private final MultiGauge horizonTransactions;
    private final QueueTags holderTags = new QueueTags(MOST_HOLDERS);

    /** @param database tags of each gauge, which tell it from those of other databases; none where there is one */
    DatabaseGauges(MeterRegistry registry, Tags database) {
        this.database = database;
        queues = MultiGauge.builder(PostroomMetrics.QUEUES)
                .description("Queues whose messages are counted")
                .register(registry);
        messages = MultiGauge.builder(PostroomMetrics.QUEUE_MESSAGES)
                .description("Messages of a queue by state, counted up to a bound")
                .register(registry);
        oldest = MultiGauge.builder(PostroomMetrics.OLDEST_AGE)
                .description("Age of the message at the head of a queue")
                .baseUnit("seconds")
                .register(registry);
        consumers = MultiGauge.builder(PostroomMetrics.CONSUMERS)
                .description("Live consumers of a queue in all processes")
                .register(registry);
        horizonAge = MultiGauge.builder(PostroomMetrics.HORIZON_AGE)
                .description("Age of the transaction that keeps deleted rows in the tables")
                .baseUnit("seconds")
                .register(registry);
        horizonTransactions = MultiGauge.builder(PostroomMetrics.HORIZON_TRANSACTIONS)
                .description("Transactions begun since the one that keeps deleted rows in the tables")
                .register(registry);
    }

    @Override
    public void onStats(List<QueueStats> stats, boolean counted) {
        queues.register(counted ? List.of(Row.of(database, stats.size())) : List.of(), true);
        onStats(stats);
    }

    @Override
    public void onStats(List<QueueStats> stats) {
        List<Row<?>> counts = new ArrayList<>();
        List<Row<?>> ages = new ArrayList<>();
        List<Row<?>> live = new ArrayList<>();
        Instant now = Instant.now();
        for (QueueStats queue : stats) {
            Tags queueTag = database.and("queue", queue.queue());
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
            Tags who =
                    database.and("kind", holder.kind().name().toLowerCase(Locale.ROOT), "holder", holderTags.of(name));
            holder.seconds().ifPresent(seconds -> ages.add(Row.of(who, seconds)));
            holder.transactions().ifPresent(begun -> transactions.add(Row.of(who, begun)));
        }
        horizonAge.register(ages, true);
        horizonTransactions.register(transactions, true);
    }
}
