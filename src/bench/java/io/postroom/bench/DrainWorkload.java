package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * W1: messages wait, then the workers start. Measures how fast a backlog is worked off with a handler that does nothing, and what a message
 * costs then: claims, acknowledgements, history. The clock stops when all are acknowledged.
 */
final class DrainWorkload implements Workload {
    static final int MESSAGES = 300_000;
    /** Messages for the contenders that would take minutes for as many as the others. */
    private static final Map<String, Integer> FEWER = Map.of("db-scheduler", 50_000, "jobrunr", 3_000, "quartz", 1_000);

    private static final long LONGEST_NANOS = 600_000_000_000L;

    @Override
    public String id() {
        return "W1";
    }

    @Override
    public String title() {
        return "drain of waiting messages, payload 200 B";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(MESSAGES) * 1_000L;
    }

    static int messages(Contender contender, Options options) {
        int messages = FEWER.getOrDefault(contender.name(), MESSAGES);
        // The quick form is to show in minutes where the factors lie; the tables come from the full one.
        int quickDivisor = FEWER.containsKey(contender.name()) ? 3 : 2;
        return options.messages(options.quick() ? messages / quickDivisor : messages);
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        Row base = null;
        for (Contender contender : Contenders.all()) {
            int messages = messages(contender, bench.options());
            Row row = result.row(contender.name(), contender.settings(), base)
                    .extra("messages", String.format("%,d", messages));
            base = base == null ? row : base;
            rounds.add(
                    row,
                    bench.options().rounds(contender),
                    warmUp -> bench.trial(contender, opened -> drain(opened, messages, Payloads.usual())));
        }
        rounds.run();
        compareWithGoals(result, bench.options());
        return result;
    }

    static Sample drain(Bench.Opened opened, int messages, String payload) throws Exception {
        AtomicLong handled = new AtomicLong();
        opened.line().fill(messages, payload);
        opened.settle();
        opened.line().prepare(any -> handled.incrementAndGet());
        return opened.meter().measure(() -> {
            opened.line().begin();
            awaitDrained(opened.line(), handled, messages);
            return messages;
        });
    }

    private static void awaitDrained(Contender.Line line, AtomicLong handled, int messages) throws Exception {
        long until = System.nanoTime() + LONGEST_NANOS;
        while (handled.get() < messages || line.unacknowledged() > 0) {
            if (System.nanoTime() > until) {
                throw new BenchException("Not drained in ten minutes: " + handled + " of " + messages);
            }
            Thread.sleep(handled.get() < messages * 0.9 ? 10 : 2);
        }
    }

    private static void compareWithGoals(WorkloadResult result, Options options) {
        Row postroom = result.find("postroom").orElseThrow();
        result.atLeast("rate >= 0.5 x raw-tx", postroom.ratio(Sample::rate).median(), 0.5, options);
        result.atMost("CPU <= 14 ms per 1,000", postroom.figures(Sample::cpu).median(), 14, options);
        result.atMost(
                "CPU <= 1.75 x raw-tx (14 ms where raw-tx takes 8)",
                postroom.ratio(Sample::cpu).median(),
                1.75,
                options);
        for (Contender peer : Contenders.peers()) {
            Row other = result.find(peer.name()).orElseThrow();
            result.atLeast(
                    "rate > " + peer.name(), postroom.ratio(other, Sample::rate).median(), 1, options);
        }
    }
}
