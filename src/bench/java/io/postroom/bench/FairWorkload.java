package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import org.jspecify.annotations.Nullable;

/**
 * W15: what a fair queue costs, and what it promises. A drain with one group, with 100 and with 10,000 against one of a queue that is not
 * fair; and how long the messages of another group wait, 200 a second, while a million of one group wait for handlers that take 5 ms.
 */
final class FairWorkload implements Workload {
    private static final int MESSAGES = 100_000;
    private static final int WAITING = 1_000_000;
    private static final int[] GROUPS = {1, 100, 10_000};
    private static final long HANDLER_MILLIS = 5;
    private static final double WARM_UP_SECONDS = 5;
    private static final double MEASURED_SECONDS = 20;

    @Override
    public String id() {
        return "W15";
    }

    @Override
    public String title() {
        return "fair queues: a drain with 1, 100 and 10,000 groups, and another group beside a million messages of one";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(WAITING) * 1_500L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        int messages = bench.options().messages(MESSAGES);
        Row plain = drain(bench, result, rounds, Contenders.postroom(), messages, null);
        Row[] fair = new Row[GROUPS.length];
        for (int i = 0; i < GROUPS.length; i++) {
            fair[i] = drain(bench, result, rounds, PostroomContender.fair(GROUPS[i]), messages, plain);
        }
        rounds.run();
        for (Row row : fair) {
            result.note(row.name() + ": CPU x not fair "
                    + Figures.number(row.ratio(plain, Sample::cpu).median()));
        }
        latency(bench, result, bench.options().messages(WAITING));
        return result;
    }

    private static Row drain(
            Bench bench, WorkloadResult result, Rounds rounds, Contender contender, int messages, @Nullable Row base) {
        Row row = result.row(contender.name(), contender.settings(), base);
        rounds.add(
                row,
                warmUp -> bench.trial(contender, opened -> DrainWorkload.drain(opened, messages, Payloads.usual())));
        return row;
    }

    private static void latency(Bench bench, WorkloadResult result, int waiting) throws Exception {
        Contender contender = PostroomContender.fair(1);
        String name = contender.name() + ", another group beside it";
        if (!bench.options().measures(name)) {
            return;
        }
        Row row = result.row(
                name, String.format("%,d of one group waiting, handlers take %d ms", waiting, HANDLER_MILLIS), null);
        Sample sample = bench.trial(contender, opened -> {
            LatencyRecorder recorder = new LatencyRecorder();
            opened.line().fill(waiting, Payloads.stamped(Payloads.usual(), 1));
            opened.settle();
            opened.line().prepare(payload -> {
                recorder.accept(payload);
                sleep();
            });
            opened.line().begin();
            LatencyWorkload.produce(opened.line(), bench.options().nanos(WARM_UP_SECONDS));
            recorder.begin(System.nanoTime());
            Meter.Mark from = opened.meter().mark();
            long before = opened.line().acknowledged();
            int sent = LatencyWorkload.produce(opened.line(), bench.options().nanos(MEASURED_SECONDS));
            Sample measured =
                    Meter.between(from, opened.meter().mark(), opened.line().acknowledged() - before);
            return measured.with(LatencyWorkload.complete(recorder.await(sent), sent));
        });
        row.samples().add(sample);
        bench.say(Report.line("W15", 1, name, sample));
        result.atMost(
                name + ": started within 200 ms (p99)", LatencyWorkload.percentile(row, 99), 200, bench.options());
    }

    private static void sleep() {
        try {
            Thread.sleep(HANDLER_MILLIS);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}
