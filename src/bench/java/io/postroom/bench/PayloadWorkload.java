package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * W8: W2a and W1 with payloads of 200 B, 4 KB and 64 KB that do not compress. Measures what the size of a message costs on its way in and
 * out.
 */
final class PayloadWorkload implements Workload {
    private static final Map<Integer, Integer> DRAINED = new LinkedHashMap<>();

    static {
        DRAINED.put(200, 50_000);
        DRAINED.put(4_096, 20_000);
        DRAINED.put(65_536, 2_000);
    }

    private static final double SECONDS = 3;
    static final int MOST_ROUNDS = 2;

    @Override
    public String id() {
        return "W8";
    }

    @Override
    public String title() {
        return "payloads of 200 B, 4 KB and 64 KB: enqueue by 8 threads, drain";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) (2e9 * options.scale());
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        Options options = bench.options();
        DRAINED.forEach((bytes, messages) -> {
            String payload = Payloads.ofSize(bytes);
            Row enqueueBase = null;
            Row drainBase = null;
            for (Contender contender : bench.chosen(Contenders.rawTx(), Contenders.postroom())) {
                Row enqueue = result.row(
                        String.format("%s, %,d B, enqueue", contender.name(), bytes),
                        contender.settings(),
                        enqueueBase);
                enqueueBase = enqueueBase == null ? enqueue : enqueueBase;
                rounds.add(
                        enqueue,
                        MOST_ROUNDS,
                        warmUp -> bench.trial(contender, opened -> {
                            opened.settle();
                            long nanos = options.nanos(warmUp ? 1 : SECONDS);
                            return opened.meter().measure(() -> EnqueueWorkload.singles(opened.line(), nanos, payload));
                        }));
                Row drain = result.row(
                        String.format("%s, %,d B, drain", contender.name(), bytes), contender.settings(), drainBase);
                drainBase = drainBase == null ? drain : drainBase;
                rounds.add(
                        drain,
                        MOST_ROUNDS,
                        warmUp -> bench.trial(
                                contender, opened -> DrainWorkload.drain(opened, options.messages(messages), payload)));
            }
        });
        rounds.run();
        return result;
    }
}
