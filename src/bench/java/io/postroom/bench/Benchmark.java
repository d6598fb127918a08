package io.postroom.bench;

import ch.qos.logback.classic.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures Postroom beside its peers and beside plain JDBC, on a PostgreSQL 18 of its own or a given one, and writes tables, JSON and a
 * chart to target/bench.
 *
 * <pre>
 * ./mvnw -q -Pbench                                      everything, two hours and more
 * ./mvnw -q -Pbench -Dbench=quick                        W1 with half as much to drain, W2a and W3, under five minutes
 * ./mvnw -q -Pbench -Dbench.workloads=W1,W5 -Dbench.rounds=3
 * ./mvnw -q -Pbench -Dbench.url=jdbc:postgresql://127.0.0.1:5432/postgres?user=postgres
 * </pre>
 *
 * <p>Without Maven's start each time, for somebody who works on the engine (scale makes everything smaller, to try the benchmark itself
 * out):
 *
 * <pre>
 * ./mvnw -q -Pbench process-test-classes dependency:build-classpath -Dmdep.outputFile=target/classpath
 * java -Xms1g -Xmx1g -cp target/classes:target/bench-classes:$(cat target/classpath) \
 *     io.postroom.bench.Benchmark workloads=W1 rounds=3 scale=0.1
 * </pre>
 *
 * <p>Ends with 2 when it refuses to run. Ctrl-C drops the databases and stops what was started.
 */
final class Benchmark {
    private static final Path DIRECTORY = Path.of("target", "bench");
    /** max_wal_size is reached and passed, while a checkpoint goes on. */
    private static final long WAL_BYTES = 10_000_000_000L;

    private static volatile boolean stopping;

    private Benchmark() {}

    static List<Workload> workloads() {
        return List.of(
                new DrainWorkload(),
                EnqueueWorkload.single(),
                EnqueueWorkload.bulk(),
                new CallerWorkload(),
                new LatencyWorkload(),
                new TogetherWorkload(),
                new BacklogWorkload(),
                new SnapshotWorkload(),
                new IdleWorkload(),
                new PayloadWorkload(),
                new PurgeWorkload(),
                new ManyQueuesWorkload(),
                new BusyQueueWorkload(),
                new ManyProcessesWorkload(),
                new RoutingWorkload(),
                new OrderedWorkload(),
                new SchedulesWorkload(),
                new FairWorkload(),
                new LimitedWorkload(),
                new HttpWorkload(),
                new BatchWorkload(),
                new FileImportWorkload(),
                new HttpEnqueueWorkload(),
                new ConsoleWorkload(),
                new HomesWorkload(),
                new ObservedWorkload(),
                new MemoryWorkload());
    }

    public static void main(String[] arguments) {
        try {
            run(Options.of(arguments, System.getProperties()));
            System.exit(0);
        } catch (BenchException refused) {
            if (!stopping) {
                System.err.println(refused.getMessage());
                System.exit(2);
            }
        } catch (Throwable failed) {
            if (!stopping) {
                failed.printStackTrace();
                System.exit(1);
            }
        }
    }

    private static void run(Options options) throws Exception {
        quiet();
        List<Workload> chosen = workloads().stream()
                .filter(workload -> options.workloads().contains(workload.id()))
                .toList();
        Files.createDirectories(DIRECTORY);
        String url = options.url();
        BenchServer server = url == null ? BenchServer.own(DIRECTORY) : BenchServer.given(url);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server), "bench-clean-up"));
        long began = System.nanoTime();
        long data = chosen.stream()
                .mapToLong(workload -> workload.diskBytes(options))
                .max()
                .orElse(0);
        System.out.println(server.checkDisk(data + (long) (WAL_BYTES * Math.min(1, options.scale() * 2))));
        server.dropLeftovers();
        Environment environment = Environment.of(server, options);
        Report report = new Report(environment, DIRECTORY);
        System.out.println(report.environmentText());
        Bench bench = new Bench(options, server);
        for (Workload workload : chosen) {
            long before = System.nanoTime();
            WorkloadResult result = workload.run(bench);
            report.add(result);
            System.out.println(report.text(result));
            System.out.printf("%s took %d s%n", workload.id(), Math.round((System.nanoTime() - before) / 1e9));
        }
        System.out.printf(
                "%d minutes. Tables, all rounds and a chart: %s%n",
                Math.round((System.nanoTime() - began) / 60e9), DIRECTORY);
    }

    /** Whatever still runs then complains about its database; nobody wants to read that. */
    private static void stop(BenchServer server) {
        stopping = true;
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.OFF);
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("io.postroom")).setLevel(Level.OFF);
        server.close();
    }

    /** A line of each start and stop would hide the figures. */
    private static void quiet() {
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("io.postroom")).setLevel(Level.WARN);
    }
}
