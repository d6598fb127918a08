package io.postroom.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.postroom.api.QueueStats;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.QueueStatsListener;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Meters of Postroom. Give one object to {@code Postroom.Builder.listener} and to {@code queueStatsListener}; the starter does.
 *
 * <ul>
 *   <li>{@value #MESSAGES}: counter, what became of attempts in this process; tags queue, outcome (the words of {@link
 *       io.postroom.api.Attempt#outcome()}; {@code released}: given back without an attempt)
 *   <li>{@value #QUEUE_MESSAGES}: gauge, messages of a queue now; tags queue, state (ready, delayed, in_progress, dead). Counts stop at
 *       100,000
 *   <li>{@value #OLDEST_AGE}: gauge, seconds since the message at the head of READY was created; tag queue. 0: nothing waits
 *   <li>{@value #CONSUMERS}: gauge, live consumers of a queue in all processes; tag queue
 * </ul>
 *
 * The gauges are those of the whole database. One process publishes them: see {@link QueueStatsListener}. So alerts take {@code max}, not
 * {@code sum}. Thread-safe.
 */
public final class PostroomMetrics implements PostroomListener, QueueStatsListener {
    public static final String MESSAGES = "postroom.messages";
    public static final String QUEUE_MESSAGES = "postroom.queue.messages";
    public static final String OLDEST_AGE = "postroom.queue.oldest.age";
    public static final String CONSUMERS = "postroom.queue.consumers";
    /** Stands for the queues beyond the first {@value #MOST_QUEUES} that a process counts. */
    public static final String OTHER_QUEUES = "other";

    private static final int MOST_QUEUES = 1_000;

    private final MeterRegistry registry;
    private final Map<String, Map<String, Counter>> counters = new ConcurrentHashMap<>();
    private final Set<String> queues = ConcurrentHashMap.newKeySet();
    private final MultiGauge messages;
    private final MultiGauge oldest;
    private final MultiGauge consumers;

    public PostroomMetrics(MeterRegistry registry) {
        this.registry = registry;
        messages = MultiGauge.builder(QUEUE_MESSAGES)
                .description("Messages of a queue by state; a count stops at 100,000")
                .register(registry);
        oldest = MultiGauge.builder(OLDEST_AGE)
                .description("Age of the message at the head of a queue")
                .baseUnit("seconds")
                .register(registry);
        consumers = MultiGauge.builder(CONSUMERS)
                .description("Live consumers of a queue in all processes")
                .register(registry);
    }

    @Override
    public void onEvent(MessageEvent event) {
        String outcome = event.outcome().isEmpty() ? "released" : event.outcome();
        counters.computeIfAbsent(tagOf(event.queue()), any -> new ConcurrentHashMap<>())
                .computeIfAbsent(outcome, any -> counter(tagOf(event.queue()), outcome))
                .increment();
    }

    private Counter counter(String queue, String outcome) {
        return Counter.builder(MESSAGES)
                .description("Ends of attempts in this process")
                .tag("queue", queue)
                .tag("outcome", outcome)
                .register(registry);
    }

    /** The queue, or one name for all that come after the first thousand. */
    private String tagOf(String queue) {
        if (queues.contains(queue) || queues.size() < MOST_QUEUES && queues.add(queue)) {
            return queue;
        }
        return OTHER_QUEUES;
    }

    @Override
    public void onStats(List<QueueStats> stats) {
        List<Row<?>> counts = new ArrayList<>();
        List<Row<?>> ages = new ArrayList<>();
        List<Row<?>> live = new ArrayList<>();
        Instant now = Instant.now();
        for (QueueStats queue : stats) {
            Tags tags = Tags.of("queue", queue.queue());
            counts.add(Row.of(tags.and("state", "ready"), queue.ready()));
            counts.add(Row.of(tags.and("state", "delayed"), queue.delayed()));
            counts.add(Row.of(tags.and("state", "in_progress"), queue.inProgress()));
            counts.add(Row.of(tags.and("state", "dead"), queue.dead()));
            double age = queue.oldestReadyAt()
                    .map(since -> Duration.between(since, now).toMillis() / 1000.0)
                    .orElse(0.0);
            ages.add(Row.of(tags, Math.max(0, age))); // the clock of the database may be ahead
            live.add(Row.of(tags, queue.consumers()));
        }
        messages.register(counts, true);
        oldest.register(ages, true);
        consumers.register(live, true);
    }
}
