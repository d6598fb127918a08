package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import io.postroom.internal.producer.TopicProbe;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * W12: what an exchange costs. Messages that name their queue against messages through a topic exchange with 1,000 bindings, in bulks of
 * 1,000 and one in a caller's transaction; one message to 100 queues against 100 messages; and how long a match with 10,000 topic bindings
 * takes. With a RabbitMQ named in {@link RabbitMq#URL}, the same topic exchange there.
 */
final class RoutingWorkload implements Workload {
    private static final int PATTERNS = 10_000;
    private static final double SECONDS = 4;

    @Override
    public String id() {
        return "W12";
    }

    @Override
    public String title() {
        return "routing: a topic exchange with " + RoutedMessages.BINDINGS + " bindings, and one message to "
                + RoutedMessages.QUEUES + " queues";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) (1.5e9 * options.scale());
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Options options = bench.options();
        Rounds rounds = new Rounds(bench, result);
        Row namedBulk = add(rounds, result, RoutedMessages.named("bulk of 1,000"), true, bench);
        Row topicBulk = add(rounds, result, RoutedMessages.topic("bulk of 1,000"), true, bench);
        Row named = add(rounds, result, RoutedMessages.named("one in a transaction"), false, bench);
        Row topic = add(rounds, result, RoutedMessages.topic("one in a transaction"), false, bench);
        Row each = add(rounds, result, RoutedMessages.namedEach(), false, bench);
        Row fanout = add(rounds, result, RoutedMessages.fanout(), false, bench);
        Optional<Contender> broker = RabbitMq.topic("bulk of 1,000");
        if (broker.isPresent()) {
            add(rounds, result, broker.get(), true, bench);
        }
        broker = RabbitMq.topic("one at a time");
        if (broker.isPresent()) {
            add(rounds, result, broker.get(), false, bench);
        }
        rounds.run();
        atMost(result, "bulk: CPU through the exchange <= 1.3 x", topicBulk, namedBulk, Sample::cpu, 1.3, options);
        atMost(result, "one: CPU through the exchange <= 1.15 x", topic, named, Sample::cpu, 1.15, options);
        result.atLeast(
                "rate of one message to 100 queues >= 20 x that of 100 messages",
                fanout.ratio(each, Sample::rate).median(),
                20,
                options);
        atMost(result, "its WAL <= 0.1 x", fanout, each, Sample::wal, 0.1, options);
        TopicProbe probe = new TopicProbe(PATTERNS);
        double micros = probe.microsPerMatch();
        result.note(String.format(
                "a key against %,d topic bindings: %.2f us, %.1f MB", PATTERNS, micros, probe.megabytes()));
        result.atMost("us a match with 10,000 topic bindings <= 20", micros, 20, options);
        result.atMost("MB of 10,000 topic bindings <= 10", probe.megabytes(), 10, options);
        return result;
    }

    private static void atMost(
            WorkloadResult result,
            String goal,
            Row row,
            Row base,
            ToDoubleFunction<Sample> figure,
            double bound,
            Options options) {
        result.atMost(goal, row.ratio(base, figure).median(), bound, options);
    }

    private static Row add(Rounds rounds, WorkloadResult result, Contender contender, boolean bulk, Bench bench) {
        Row row = result.row(contender.name(), contender.settings(), null);
        rounds.add(
                row,
                warmUp -> bench.trial(contender, opened -> {
                    opened.settle();
                    long nanos = bench.options().nanos(SECONDS);
                    return opened.meter()
                            .measure(() -> bulk
                                    ? EnqueueWorkload.bulks(opened.line(), nanos)
                                    : EnqueueWorkload.singles(opened.line(), nanos));
                }));
        return row;
    }
}
