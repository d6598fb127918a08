package io.postroom.bench;

import io.postroom.bench.Load.Way;
import io.postroom.bench.WorkloadResult.Row;
import org.jspecify.annotations.Nullable;

/**
 * W4: messages come in and are handled at the same time, in one process, at most 5,000 in flight. Measures what a host gets that does both:
 * by single transactions, by calls that share commits, and in bulk.
 */
final class TogetherWorkload implements Workload {
    /** Each of half a minute; with five, all workloads together would take more than an hour. */
    static final int MOST_ROUNDS = 3;

    private static final double WARM_UP_SECONDS = 2;

    @Override
    public String id() {
        return "W4";
    }

    @Override
    public String title() {
        return "enqueue and process together, at most 5,000 in flight";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) (1.5e9 * options.scale());
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        Row raw = line(bench, result, rounds, Contenders.rawTx(), Way.SINGLE, 30, 0, null);
        Row single = line(bench, result, rounds, Contenders.postroom(), Way.SINGLE, 30, 0, raw);
        Row grouped = line(bench, result, rounds, Contenders.postroom(), Way.GROUPED, 15, 0, raw);
        Row dbScheduler = null;
        for (Contender peer : Contenders.peers()) {
            boolean all = peer.name().equals("db-scheduler");
            Row row = line(bench, result, rounds, peer, Way.SINGLE, all ? 15 : 10, all ? 0 : 1, raw);
            dbScheduler = all ? row : dbScheduler;
        }
        Row rawBulk = line(bench, result, rounds, Contenders.rawTx(), Way.BULK_OF_100, 15, 0, null);
        Row bulk = line(bench, result, rounds, Contenders.postroom(), Way.BULK_OF_100, 15, 0, rawBulk);
        rounds.run();

        Options options = bench.options();
        result.atLeast(
                "single transactions >= 0.9 x raw-tx",
                single.ratio(Sample::rate).median(),
                0.9,
                options);
        if (dbScheduler != null) {
            result.atLeast(
                    "createMessageAsync >= 5 x db-scheduler",
                    grouped.ratio(dbScheduler, Sample::rate).median(),
                    5,
                    options);
        }
        result.atLeast("bulk of 100 >= raw-tx", bulk.ratio(Sample::rate).median(), 1, options);
        return result;
    }

    /** @param most rounds; 0: {@value #MOST_ROUNDS} */
    private static Row line(
            Bench bench,
            WorkloadResult result,
            Rounds rounds,
            Contender contender,
            Way way,
            double seconds,
            int most,
            @Nullable Row base) {
        Row row = result.row(contender.name() + ", " + name(way), contender.settings(), base)
                .extra("enqueuers", String.valueOf(way.threads));
        Rounds.Measurement measurement = warmUp ->
                bench.trial(contender, opened -> together(opened, way, bench.options(), warmUp ? 3 : seconds));
        rounds.add(row, most == 0 ? MOST_ROUNDS : most, measurement);
        return row;
    }

    private static String name(Way way) {
        return switch (way) {
            case SINGLE -> "single";
            case GROUPED -> "shared commits";
            case BULK_OF_100 -> "bulk of 100";
        };
    }

    private static Sample together(Bench.Opened opened, Way way, Options options, double seconds) throws Exception {
        return together(opened, new Load(way), options, seconds);
    }

    /** Closes the load. */
    static Sample together(Bench.Opened opened, Load given, Options options, double seconds) throws Exception {
        try (Load load = given) {
            opened.settle();
            opened.line().prepare(load.handler());
            opened.line().begin();
            load.start(opened.line());
            Thread.sleep(options.nanos(WARM_UP_SECONDS) / 1_000_000);
            return load.measure(opened.meter(), options.nanos(seconds));
        }
    }
}
