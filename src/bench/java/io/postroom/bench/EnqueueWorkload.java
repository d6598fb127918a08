package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * W2: nothing works, messages only come in. (a) 8 threads, each message in a transaction of its own; (b) 2 threads, 1,000 messages by the
 * bulk call. Measures what putting a message in costs the client and the server.
 */
final class EnqueueWorkload implements Workload {
    private static final int SINGLE_THREADS = 8;
    private static final int BULK_THREADS = 2;
    private static final int BULK = 1000;

    private final boolean bulk;

    private EnqueueWorkload(boolean bulk) {
        this.bulk = bulk;
    }

    static EnqueueWorkload single() {
        return new EnqueueWorkload(false);
    }

    static EnqueueWorkload bulk() {
        return new EnqueueWorkload(true);
    }

    @Override
    public String id() {
        return bulk ? "W2b" : "W2a";
    }

    @Override
    public String title() {
        return bulk
                ? "enqueue by bulk of " + BULK + ", " + BULK_THREADS + " threads"
                : "enqueue, single-message transactions, " + SINGLE_THREADS + " threads";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) ((bulk ? 1.5e9 : 0.3e9) * options.scale());
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        Row base = null;
        double seconds = bulk ? 4 : bench.options().quick() ? 2 : 5;
        List<Contender> contenders = new ArrayList<>(Contenders.all());
        if (!bulk) {
            contenders.add(3, PostroomContender.inCallersTransaction());
        }
        for (Contender contender : contenders) {
            Row row = result.row(contender.name(), contender.settings(), base);
            base = base == null ? row : base;
            rounds.add(
                    row,
                    bench.options().rounds(contender),
                    warmUp -> bench.trial(contender, opened -> {
                        opened.settle();
                        long nanos = bench.options().nanos(warmUp ? Math.min(seconds / 2, 2) : seconds);
                        return opened.meter()
                                .measure(() -> bulk ? bulks(opened.line(), nanos) : singles(opened.line(), nanos));
                    }));
        }
        rounds.run();
        Row postroom = result.find("postroom").orElseThrow();
        Options options = bench.options();
        double rate = postroom.ratio(Sample::rate).median();
        if (bulk) {
            result.atLeast("rate >= 0.55 x raw-tx", rate, 0.55, options);
        } else {
            result.atLeast("rate >= 0.85 x raw-tx", rate, 0.85, options);
            result.atMost("CPU <= 1.15 x raw-tx", postroom.ratio(Sample::cpu).median(), 1.15, options);
        }
        return result;
    }

    static long singles(Contender.Line line, long nanos) throws Exception {
        return singles(line, nanos, Payloads.usual());
    }

    static long singles(Contender.Line line, long nanos, String payload) throws Exception {
        return together(SINGLE_THREADS, nanos, () -> {
            line.enqueue(payload);
            return 1L;
        });
    }

    static long bulks(Contender.Line line, long nanos) throws Exception {
        List<String> payloads = Collections.nCopies(BULK, Payloads.usual());
        return together(BULK_THREADS, nanos, () -> {
            line.enqueue(payloads);
            return (long) BULK;
        });
    }

    /** Repeats the turn on so many threads for so long; returns the sum of what they answered. */
    static long together(int threads, long nanos, Callable<Long> turn) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            long until = System.nanoTime() + nanos;
            List<Future<Long>> counts = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                counts.add(pool.submit(() -> {
                    long count = 0;
                    while (System.nanoTime() < until) {
                        count += turn.call();
                    }
                    return count;
                }));
            }
            long all = 0;
            for (Future<Long> count : counts) {
                all += count.get();
            }
            return all;
        } finally {
            pool.shutdownNow();
        }
    }
}
