package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;

/**
 * W13: what an ordered queue costs. A drain with 10,000 groups against one of an unordered queue; whether a message costs more behind
 * 100,000 groups, or behind 100,000 messages of one group; and whether it costs more the longer somebody else's snapshot lasts.
 */
final class OrderedWorkload implements Workload {
    private static final int MESSAGES = 100_000;
    private static final int SLICES = 5;

    private static final double WARM_UP_SECONDS = 20;
    private static final double WINDOW_SECONDS = 20;
    private static final int WINDOWS = 4;

    @Override
    public String id() {
        return "W13";
    }

    @Override
    public String title() {
        return "ordered queues: a drain with 10,000 groups, 100,000 groups, one group, and an old snapshot";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) (3e9 * options.scale());
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Options options = bench.options();
        Rounds rounds = new Rounds(bench, result);
        int messages = options.messages(MESSAGES);
        Row unordered = drain(bench, result, rounds, Contenders.postroom(), messages);
        Row ordered = drain(bench, result, rounds, PostroomContender.ordered(options.messages(10_000)), messages);
        rounds.run();
        result.atLeast(
                "rate with 10,000 groups >= 0.5 x unordered",
                ordered.ratio(unordered, Sample::rate).median(),
                0.5,
                options);
        result.note("CPU with 10,000 groups x unordered: "
                + Figures.number(ordered.ratio(unordered, Sample::cpu).median()));
        slices(bench, result, PostroomContender.ordered(messages), 3 * messages);
        slices(bench, result, PostroomContender.ordered(1), messages);
        snapshot(bench, result, PostroomContender.ordered(options.messages(10_000)));
        return result;
    }

    private static Row drain(Bench bench, WorkloadResult result, Rounds rounds, Contender contender, int messages) {
        Row row = result.row(contender.name(), contender.settings(), null);
        rounds.add(
                row,
                warmUp -> bench.trial(contender, opened -> DrainWorkload.drain(opened, messages, Payloads.usual())));
        return row;
    }

    /** Drains in equal parts. The first one warms up. */
    private void slices(Bench bench, WorkloadResult result, Contender contender, int messages) throws Exception {
        Row first = result.row(contender.name() + ", second fifth", contender.settings(), null);
        Row last = result.row(contender.name() + ", last fifth", contender.settings(), null);
        bench.trial(contender, opened -> {
            opened.line().fill(messages, Payloads.usual());
            opened.settle();
            opened.line().prepare(any -> {});
            Meter.Mark from = opened.meter().mark();
            opened.line().begin();
            long counted = 0;
            for (int slice = 1; slice <= SLICES; slice++) {
                while (opened.line().acknowledged() < (long) messages / SLICES * slice) {
                    Thread.sleep(1);
                }
                long now = opened.line().acknowledged();
                Meter.Mark to = opened.meter().mark();
                Sample sample = Meter.between(from, to, now - counted);
                bench.say(Report.line(id(), slice, contender.name(), sample));
                if (slice == 2) {
                    first.samples().add(sample);
                } else if (slice == SLICES) {
                    last.samples().add(sample);
                }
                counted = now;
                from = to;
            }
            return null;
        });
        result.atMost(
                contender.name() + ": CPU of the last fifth <= 1.1 x the second",
                last.ratio(first, Sample::cpu).median(),
                1.1,
                bench.options());
    }

    private void snapshot(Bench bench, WorkloadResult result, Contender contender) throws Exception {
        Row before = result.row(contender.name() + ", before a snapshot", contender.settings(), null);
        Row last = result.row(contender.name() + ", under a snapshot, last 20 s", contender.settings(), null);
        List<String> cpu = new ArrayList<>();
        bench.trial(contender, opened -> {
            try (Load load = new Load(Load.Way.BULK_OF_100)) {
                opened.settle();
                opened.line().prepare(load.handler());
                opened.line().begin();
                load.start(opened.line());
                long window = bench.options().nanos(WINDOW_SECONDS);
                Thread.sleep(bench.options().nanos(WARM_UP_SECONDS) / 1_000_000);
                before.samples().add(load.measure(opened.meter(), window));
                try (Connection snapshot = SnapshotWorkload.openSnapshot(opened.database())) {
                    Sample sample = Sample.NONE;
                    for (int i = 0; i < WINDOWS; i++) {
                        sample = load.measure(opened.meter(), window);
                        cpu.add(Figures.number(sample.cpu()));
                    }
                    last.samples().add(sample);
                    snapshot.rollback();
                }
            }
            return null;
        });
        result.note(contender.name() + ", under a snapshot, CPU ms per 1,000 in each 20 s: " + String.join(", ", cpu));
        result.atMost(
                contender.name() + ": CPU in the last 20 s <= 1.1 x before the snapshot",
                last.ratio(before, Sample::cpu).median(),
                1.1,
                bench.options());
    }
}
