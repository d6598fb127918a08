package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;

/**
 * W3: 200 messages a second, sent at planned instants whatever happened to those before. Measures the time from before the enqueuing call
 * to the start of the handler, (a) in one process, (b) with producer and worker in two. The CPU is what an almost idle system takes.
 */
final class LatencyWorkload implements Workload {
    private static final int PER_SECOND = 200;
    /** Threads that send: a slow call does not hold up the plan of all the others. */
    private static final int PRODUCERS = 4;

    private record Phases(double warmUpSeconds, double measuredSeconds) {}

    private static final Phases UNREPORTED = new Phases(1, 1);

    @Override
    public String id() {
        return "W3";
    }

    @Override
    public String title() {
        return "latency at " + PER_SECOND + " messages/s, from before the enqueue to the handler's start";
    }

    @Override
    public long diskBytes(Options options) {
        return 100_000_000;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        try (WorkerProcess worker = WorkerProcess.start()) {
            compare(bench, result, worker);
        }
        return result;
    }

    private static void compare(Bench bench, WorkloadResult result, WorkerProcess worker) throws Exception {
        Rounds rounds = new Rounds(bench, result);
        boolean quick = bench.options().quick();
        Phases reported = new Phases(3, quick ? 5 : 10);
        // For the rows that are compared with one another: what they do should be compiled.
        Phases longUnreported = new Phases(3, quick ? 5 : 25);
        int most = quick ? 1 : bench.options().rounds();
        List<Row> peers = new ArrayList<>();
        Row base = null;
        for (Contender contender : bench.chosen(Contenders.rawTx(), Contenders.postroom())) {
            Row row = result.row(contender.name(), contender.settings(), base);
            base = base == null ? row : base;
            Phases unreported = contender.name().equals("postroom") ? longUnreported : UNREPORTED;
            rounds.add(row, most, warmUp -> inOneProcess(bench, contender, warmUp ? unreported : reported));
        }
        for (Contender peer : Contenders.peers()) {
            Row row = result.row(peer.name(), peer.settings(), base);
            peers.add(row);
            boolean isClose = peer.name().equals("db-scheduler");
            Phases unreported = isClose ? longUnreported : UNREPORTED;
            rounds.add(row, isClose ? most : 1, warmUp -> inOneProcess(bench, peer, warmUp ? unreported : reported));
        }
        Row two = result.row("postroom, two processes", "as above; producer and worker in JVMs of their own", base);
        rounds.add(two, most, warmUp -> inTwoProcesses(bench, worker, warmUp ? longUnreported : reported));
        rounds.run();
        compareWithGoals(result, peers, two, bench.options());
    }

    private static Sample inOneProcess(Bench bench, Contender contender, Phases phases) throws Exception {
        return bench.trial(contender, opened -> {
            LatencyRecorder recorder = new LatencyRecorder();
            opened.settle();
            opened.line().prepare(recorder);
            opened.line().begin();
            produce(opened.line(), bench.options().nanos(phases.warmUpSeconds));
            recorder.begin(System.nanoTime());
            Meter.Mark from = opened.meter().mark();
            int sent = produce(opened.line(), bench.options().nanos(phases.measuredSeconds));
            Sample sample = Meter.between(from, opened.meter().mark(), sent);
            return sample.with(complete(recorder.await(sent), sent));
        });
    }

    private static Sample inTwoProcesses(Bench bench, WorkerProcess worker, Phases phases) throws Exception {
        return bench.trial(Contenders.postroom(), opened -> {
            opened.settle();
            worker.work(opened.database());
            try {
                produce(opened.line(), bench.options().nanos(phases.warmUpSeconds));
                double theirs = worker.begin(System.nanoTime());
                Meter.Mark from = opened.meter().mark();
                int sent = produce(opened.line(), bench.options().nanos(phases.measuredSeconds));
                Sample sample = Meter.between(from, opened.meter().mark(), sent);
                double cpu = worker.cpuMillis() - theirs;
                return sample.plusClient(cpu).with(complete(worker.end(sent), sent));
            } finally {
                worker.rest();
            }
        });
    }

    /** One that came later than ten seconds would otherwise be forgotten where it matters most. */
    static long[] complete(long[] latencies, int sent) {
        if (latencies.length < sent) {
            throw new BenchException((sent - latencies.length) + " of " + sent
                    + " messages were not handled within ten seconds after the last was sent");
        }
        return latencies;
    }

    /** Returns how many were sent. */
    static int produce(Contender.Line line, long nanos) throws Exception {
        int messages = (int) Math.max(PRODUCERS, nanos / 1e9 * PER_SECOND);
        long start = System.nanoTime() + 1_000_000;
        ExecutorService producers = Executors.newFixedThreadPool(PRODUCERS);
        try {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < PRODUCERS; i++) {
                int first = i;
                all.add(producers.submit(() -> {
                    String payload = Payloads.usual();
                    for (int number = first; number < messages; number += PRODUCERS) {
                        long planned = start + number * 1_000_000_000L / PER_SECOND;
                        line.enqueue(Payloads.stamped(payload, awaitInstant(planned)));
                    }
                    return null;
                }));
            }
            for (Future<?> one : all) {
                one.get();
            }
        } finally {
            producers.shutdownNow();
        }
        return messages;
    }

    /**
     * The instant to count from: now, since waking up late is not the queue's fault; but the planned one when the call before took too
     * long.
     */
    private static long awaitInstant(long planned) {
        if (System.nanoTime() - planned > 0) {
            return planned;
        }
        for (long left = planned - System.nanoTime(); left > 0; left = planned - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
        return System.nanoTime();
    }

    private static void compareWithGoals(WorkloadResult result, List<Row> peers, Row two, Options options) {
        Row one = result.find("postroom").orElseThrow();
        double p50 = percentile(one, 50);
        double bound = 1.0;
        for (Row peer : peers) {
            if (peer.name().equals("db-scheduler")) {
                bound = Math.max(bound, 0.7 * percentile(peer, 50));
                result.atMost(
                        "(a) p99 <= db-scheduler's " + Figures.number(percentile(peer, 99)) + " ms",
                        percentile(one, 99),
                        percentile(peer, 99),
                        options);
            }
            result.atMost(
                    "(a) CPU below " + peer.name() + "'s, as a ratio",
                    one.figures(Sample::cpu).median()
                            / peer.figures(Sample::cpu).median(),
                    1,
                    options);
        }
        result.atMost("(a) p50 <= " + Figures.number(bound) + " ms", p50, bound, options);
        result.atMost("(b) p50 <= 2 x (a)", percentile(two, 50) / p50, 2, options);
    }

    static double percentile(Row row, double percent) {
        return row.figures(sample -> sample.latencyMillis(percent)).median();
    }
}
