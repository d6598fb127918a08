package io.postroom.bench;

import io.postroom.bench.ConsumerProcess.Work;
import io.postroom.bench.WorkloadResult.Row;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Memory: the live heap of a process that has worked and rests, and the smallest heap with which a drain is as fast as with 1 GB.
 *
 * <p>Live is what is in use after five full collections, the least of them. What is ours is the difference to a process that has the same
 * classes on its path, and a pool with its connections open, but no engine.
 */
final class MemoryWorkload implements Workload {
    private static final int[] QUEUES = {10, 1_000};
    private static final int MESSAGES = 20_000;
    private static final int DRAINED = 300_000;
    private static final int[] HEAPS = {96, 64, 48, 40, 32};
    private static final int GOAL_HEAP = 48;
    private static final double ENOUGH = 0.9;
    private static final double REST_SECONDS = 15;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Override
    public String id() {
        return "memory";
    }

    @Override
    public String title() {
        return "heap of a process at rest, and the smallest that drains " + DRAINED / 1000 + ",000 as fast";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(DRAINED) * 1_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        double without = live(bench, result, 0);
        for (int queues : QUEUES) {
            double ours = live(bench, result, queues) - without;
            int most = queues == 10 ? 8 : 24;
            result.find(name(queues)).orElseThrow().extra("ours MB", Figures.number(ours));
            result.atMost(
                    String.format("live heap of ours with %,d queues <= %d MB", queues, most),
                    ours,
                    most,
                    bench.options());
        }
        smallest(bench, result);
        return result;
    }

    private static String name(int queues) {
        return queues == 0 ? "pool and driver alone" : String.format("postroom, %,d queues at rest", queues);
    }

    /** @return MB */
    private double live(Bench bench, WorkloadResult result, int queues) throws Exception {
        Row row = result.row(name(queues), "-Xmx1g -XX:+UseSerialGC, pool of " + PostroomContender.POOL, null);
        row.samples().add(Sample.NONE);
        BenchDatabase database = bench.server().createDatabase();
        try (ConsumerProcess consumer = ConsumerProcess.start("-Xmx1g", "-XX:+UseSerialGC");
                QueueFiller filler = new QueueFiller(database)) {
            if (queues == 0) {
                consumer.poolAlone(database, PostroomContender.POOL);
            } else {
                consumer.consume(database, Work.of(queues), LIMIT);
                int messages = bench.options().messages(MESSAGES);
                filler.spread(messages, 0, queues);
                consumer.awaitDone(messages, LIMIT.multipliedBy(2));
                Thread.sleep(bench.options().nanos(REST_SECONDS) / 1_000_000);
            }
            double megabytes = consumer.liveHeap() / 1e6;
            row.extra("live heap MB", Figures.number(megabytes));
            bench.say("  memory  " + row.name() + "  " + row.extra());
            consumer.rest();
            return megabytes;
        } finally {
            bench.server().drop(database);
        }
    }

    /** Goes down from the largest; one that is too slow gets a second chance, as the machine may have been busy. */
    private void smallest(Bench bench, WorkloadResult result) throws Exception {
        double full = Math.max(rate(bench, 1024), rate(bench, 1024));
        int smallest = 1024;
        Map<Integer, Double> rates = new LinkedHashMap<>();
        for (int heap : HEAPS) {
            double rate = rate(bench, heap);
            if (rate < ENOUGH * full) {
                full = (full + rate(bench, 1024)) / 2;
                rate = Math.max(rate, rate(bench, heap));
            }
            rates.put(heap, rate);
            if (rate < ENOUGH * full) {
                break;
            }
            smallest = heap;
        }
        Row row = result.row(
                "smallest heap",
                "one queue, " + PostroomContender.THREADS + " threads; the last 80 % of the drain, a JVM for each",
                null);
        row.samples().add(Sample.NONE);
        row.extra("-Xmx MB", String.valueOf(smallest)).extra("rate with 1g", Figures.number(full));
        for (Map.Entry<Integer, Double> rate : rates.entrySet()) {
            row.extra("x at " + rate.getKey(), Figures.number(rate.getValue() / full));
        }
        bench.say("  memory  " + row.name() + "  " + row.extra());
        result.atMost(
                "smallest -Xmx in MB with >= " + ENOUGH + " x the rate of 1g", smallest, GOAL_HEAP, bench.options());
    }

    /** Messages a second; 0 if the process ended or was too slow by far. */
    private static double rate(Bench bench, int heap) throws Exception {
        int messages = bench.options().messages(bench.options().quick() ? DRAINED / 3 : DRAINED);
        BenchDatabase database = bench.server().createDatabase();
        try (ConsumerProcess consumer =
                        ConsumerProcess.start("-Xmx" + heap + "m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError");
                QueueFiller filler = new QueueFiller(database)) {
            filler.declare(0, 1);
            filler.spread(messages, 0, 1, 5_000);
            double rate = rate(database, consumer, messages);
            bench.say(String.format("  memory  drain of %,d with -Xmx%dm: %,.0f/s", messages, heap, rate));
            return rate;
        } finally {
            bench.server().drop(database);
        }
    }

    private static double rate(BenchDatabase database, ConsumerProcess consumer, int messages) {
        try {
            consumer.consume(
                    database, new Work(1, PostroomContender.THREADS, PostroomContender.POOL, false, false), LIMIT);
            long first = consumer.awaitDone(messages / 5, LIMIT);
            long began = System.nanoTime();
            long last = consumer.awaitDone(messages, LIMIT);
            double seconds = (System.nanoTime() - began) / 1e9;
            consumer.rest();
            return last < messages ? 0 : (last - first) / seconds;
        } catch (IOException ended) {
            return 0;
        }
    }
}
