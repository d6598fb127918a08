package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.bench.Load.Way;
import io.postroom.bench.WorkloadResult.Row;
import io.postroom.handler.Handler;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

/**
 * W21: the pages of the console with 10,000,000 messages waiting, 1,000,000 dead letters and 1,000 queues, while W4 runs in the same
 * database and a transaction keeps its snapshot; and what two people who look at a queue each second add to W4.
 */
final class ConsoleWorkload implements Workload {
    private static final int QUEUES = 1_000;
    private static final int WAITING = 10_000_000;
    private static final int DEAD = 1_000_000;
    private static final int KINDS_OF_ERRORS = 20;
    /** A JVM that has shown a page a few times has compiled little of what that takes. */
    private static final int LOADS_UNTIL_COMPILED = 500;

    private static final int PEOPLE = 2;
    /** Windows are short and many, because what one takes differs by a fifth from that of the next. */
    private static final double SECONDS = 10;

    private static final int WINDOWS_A_ROUND = 4;
    private static final double PAUSE_SECONDS = 1;
    private static final long LONGEST_NANOS = 600_000_000_000L;
    private static final long GOAL_MILLIS = 100;
    private static final double GOAL_CPU = 1.05;
    /** The queue with most of what waits. */
    private static final String DEEP = ConsumerProcess.queue(0);

    private static final String FAILED = "failed";

    private final PageLoads loads = new PageLoads(id());

    @Override
    public String id() {
        return "W21";
    }

    @Override
    public String title() {
        return "pages of the console with 10,000,000 messages waiting and 1,000,000 dead letters, while W4 runs";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(WAITING + DEAD) * 1_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        if (bench.options().measures(Contenders.postroom().name())) {
            postroom(bench, result);
        }
        if (bench.options().measures(JobRunrDashboard.NAME)) {
            new JobRunrDashboard(loads).measure(bench, result);
        }
        return result;
    }

    private void postroom(Bench bench, WorkloadResult result) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try {
            fill(bench, database);
            bench.trialIn(database, Contenders.postroom(), opened -> {
                opened.settle();
                try (Connection old = opened(database);
                        ServerJvm server = ServerJvm.start(database);
                        Load load = new Load(Way.SINGLE)) {
                    opened.line().prepare(load.handler());
                    opened.line().begin();
                    load.start(opened.line());
                    beside(bench, result, server, load, opened.meter());
                    pages(bench, result, server, opened.connection());
                    old.rollback();
                }
                return result;
            });
        } finally {
            bench.server().drop(database);
        }
    }

    // --- what there is to look at

    private static void fill(Bench bench, BenchDatabase database) throws Exception {
        int waiting = bench.options().messages(WAITING);
        int dead = bench.options().messages(DEAD);
        long began = System.nanoTime();
        try (QueueFiller filler = new QueueFiller(database)) {
            filler.declare(0, QUEUES);
            filler.spread(waiting / 10, 1, QUEUES);
            filler.fill(waiting - waiting / 10, null);
            filler.fill(FAILED, dead);
        }
        bench.say(String.format("  W21  filled in %.0f s", (System.nanoTime() - began) / 1e9));
        began = System.nanoTime();
        AtomicLong ended = new AtomicLong();
        try (HikariDataSource pool = database.pool(PostroomContender.POOL);
                Postroom failing = Postroom.on(pool)
                        .handler(Handler.send(
                                        FAILED,
                                        String.class,
                                        (payload, context) -> Outcome.reject(
                                                "Provider " + (char) ('A' + kind(context.id())) + " refuses the order"))
                                .concurrency(PostroomContender.THREADS))
                        .listener(event -> ended.addAndGet(event.state() == MessageState.DEAD ? 1 : 0))
                        .start()) {
            while (ended.get() < dead) {
                if (System.nanoTime() - began > LONGEST_NANOS) {
                    throw new BenchException("Not rejected in ten minutes: " + ended + " of " + dead);
                }
                Thread.sleep(500);
            }
            failing.stop(Duration.ofSeconds(30));
        }
        bench.say(String.format("  W21  %,d dead letters in %.0f s", dead, (System.nanoTime() - began) / 1e9));
    }

    private static int kind(UUID id) {
        return Math.floorMod(id.hashCode(), KINDS_OF_ERRORS);
    }

    /** A transaction that keeps its snapshot, as a forgotten session does. */
    private static Connection opened(BenchDatabase database) throws SQLException {
        Connection old = DriverManager.getConnection(database.url(), database.user(), database.password());
        old.setAutoCommit(false);
        old.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        BenchServer.text(old, "SELECT 1");
        return old;
    }

    // --- the pages

    private void pages(Bench bench, WorkloadResult result, ServerJvm server, Connection connection) throws Exception {
        double slowest = 0;
        for (Map.Entry<String, String> page : paths(connection).entrySet()) {
            slowest = Math.max(
                    slowest,
                    loads.measure(
                            bench,
                            result,
                            page.getKey(),
                            page.getValue(),
                            () -> loads.get(server.port(), "/console" + page.getValue())));
        }
        result.atMost("p95 of the slowest page in ms <= " + GOAL_MILLIS, slowest, GOAL_MILLIS, bench.options());
    }

    private static Map<String, String> paths(Connection connection) throws SQLException {
        String waiting = BenchServer.text(
                connection,
                "SELECT r.message_id::text FROM postroom.ready r JOIN postroom.queue q ON q.id = r.queue_id WHERE q.name = '"
                        + DEEP + "' LIMIT 1");
        String dead = BenchServer.text(connection, "SELECT message_id::text FROM postroom.dead_letter LIMIT 1");
        String print = BenchServer.text(connection, "SELECT fingerprint FROM postroom.dead_letter LIMIT 1");
        Map<String, String> paths = new LinkedHashMap<>();
        paths.put("queues", "/queues");
        paths.put("queues by name", "/queues?name=99");
        paths.put("the deep queue", "/queues/" + DEEP);
        paths.put("the queue of dead letters", "/queues/" + FAILED);
        paths.put("the queue W4 uses", "/queues/" + PostroomContender.QUEUE);
        paths.put("messages", "/messages");
        paths.put("messages of the deep queue", "/messages?queue=" + DEEP);
        paths.put("messages waiting there", "/messages?queue=" + DEEP + "&state=READY");
        paths.put("messages that are dead", "/messages?state=DEAD");
        paths.put("messages that are done", "/messages?state=DONE");
        paths.put("messages of a type", "/messages?type=bench");
        paths.put("messages of no correlation", "/messages?correlation=none");
        paths.put("messages with a header none has", "/messages?header=source%3Dshell");
        paths.put("one that waits", "/messages/" + waiting);
        paths.put("one that is dead", "/messages/" + dead);
        paths.put("dead letters by error", "/dead-letters");
        paths.put("dead letters of one queue", "/dead-letters?queue=" + FAILED);
        paths.put("dead letters of one error", "/dead-letters?fingerprint=" + print);
        paths.put("dead letters of one reason", "/dead-letters?reason=rejected");
        paths.put("dead letters of a reason none has", "/dead-letters?reason=expired");
        paths.put("workers", "/workers");
        paths.put("exchanges", "/exchanges");
        paths.put("schedules", "/schedules");
        paths.put("limits", "/limits");
        paths.put("settings", "/settings");
        paths.put("batches", "/batches");
        paths.put("operations", "/operations");
        paths.put("ledger", "/ledger");
        paths.put("incoming", "/incoming");
        paths.put("database", "/database");
        return paths;
    }

    // --- what looking on costs

    private void beside(Bench bench, WorkloadResult result, ServerJvm server, Load load, Meter meter) throws Exception {
        Row alone = result.row("W4, nobody looks", "single transactions; the server's JVM counts as a client", null);
        Row looked = result.row("W4, " + PEOPLE + " people look at its queue each second", alone.settings(), alone);
        for (int i = 0; i < bench.options().messages(LOADS_UNTIL_COMPILED); i++) {
            loads.get(server.port(), "/console/queues/" + PostroomContender.QUEUE);
        }
        for (int round = 0; round <= bench.options().rounds() * WINDOWS_A_ROUND; round++) {
            // In turns, because the kept snapshot makes later windows dearer.
            Sample without;
            Sample with;
            if (round % 2 == 0) {
                without = alone(bench, server, load, meter);
                with = looked(bench, server, load, meter);
            } else {
                with = looked(bench, server, load, meter);
                without = alone(bench, server, load, meter);
            }
            if (round > 0) {
                alone.samples().add(without);
                looked.samples().add(with);
            }
            bench.say(Report.line(id(), round, alone.name(), without));
            bench.say(Report.line(id(), round, looked.name(), with));
        }
        result.atMost(
                "CPU of W4 with " + PEOPLE + " people <= " + GOAL_CPU + " x",
                looked.ratio(Sample::cpu).median(),
                GOAL_CPU,
                bench.options());
    }

    private Sample looked(Bench bench, ServerJvm server, Load load, Meter meter) throws Exception {
        try (People people = new People(server)) {
            Sample sample = alone(bench, server, load, meter);
            people.requireAlive();
            return sample;
        }
    }

    private static Sample alone(Bench bench, ServerJvm server, Load load, Meter meter) throws Exception {
        double before = server.cpuMillis();
        Sample sample = load.measure(meter, bench.options().nanos(SECONDS));
        return sample.plusClient(server.cpuMillis() - before);
    }

    /** Those who look at the same page, each by a thread. */
    private final class People implements AutoCloseable {
        private final AtomicReference<Exception> failure = new AtomicReference<>();
        private final List<Thread> threads = new ArrayList<>();
        private volatile boolean going = true;

        People(ServerJvm server) {
            IntStream.range(0, PEOPLE).forEach(i -> {
                Thread thread = new Thread(() -> look(server), "person-" + i);
                threads.add(thread);
                thread.start();
            });
        }

        private void look(ServerJvm server) {
            try {
                while (going) {
                    loads.get(server.port(), "/console/queues/" + PostroomContender.QUEUE);
                    Thread.sleep((long) (PAUSE_SECONDS * 1000));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (IOException | RuntimeException e) {
                failure.compareAndSet(null, e);
            }
        }

        void requireAlive() throws Exception {
            if (failure.get() != null) {
                throw failure.get();
            }
        }

        @Override
        public void close() throws InterruptedException {
            going = false;
            for (Thread thread : threads) {
                thread.join();
            }
        }
    }
}
