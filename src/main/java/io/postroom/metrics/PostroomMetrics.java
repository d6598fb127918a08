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
import java.util.concurrent.ConcurrentHashMap;

/**
 * Meters of Postroom. Give one object to {@code Postroom.Builder.listener} and to {@code queueStatsListener}; the starter does.
 *
 * <ul>
 *   <li>{@value #MESSAGES}: counter, what became of attempts in this process; tags queue, outcome (the words of {@link
 *       io.postroom.api.Attempt#outcome()}; {@code released}: given back without an attempt)
 *   <li>{@value #QUEUE_MESSAGES}: gauge, messages of a queue now; tags queue, state (ready, delayed, in_progress, dead). A count
 *       has a bound: see {@link QueueStatsListener}
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

    private final MeterRegistry registry;
    private final Map<String, Map<String, Counter>> counters = new ConcurrentHashMap<>();
    private final QueueTags tags = new QueueTags();
    private final MultiGauge messages;
    private final MultiGauge oldest;
    private final MultiGauge consumers;

    public PostroomMetrics(MeterRegistry registry) {
        this.registry = registry;
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
}
