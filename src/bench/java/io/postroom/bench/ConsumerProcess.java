package io.postroom.bench;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.sql.Connection;
import java.time.Duration;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A JVM of its own that consumes queues named by {@link #queue}, each by a handler that does nothing, in one database after the other. What
 * it counts begins anew with each {@link #consume} and each {@link #begin}.
 */
final class ConsumerProcess implements AutoCloseable {
    private static final Duration SLOW = Duration.ofSeconds(30);
    private static final Duration LIMIT = Duration.ofSeconds(120);
    /** An option of the JVM: the process writes down when its handlers are called. */
    static final String LOG_STARTS = "-Dbench.logStarts=true";

    private static final int WARM_UP_QUEUES = 10;
    private static final int WARM_UP_MESSAGES = 100_000;

    private final ChildJvm jvm;

    private ConsumerProcess(ChildJvm jvm) {
        this.jvm = jvm;
    }

    /** @param options of the JVM, such as {@code -Xmx128m} */
    static ConsumerProcess start(String... options) throws IOException {
        return new ConsumerProcess(ChildJvm.start(ConsumerProcess.class, options));
    }

    static String queue(int number) {
        return "queue-" + number;
    }

    /**
     * What to consume.
     *
     * @param threads of each handler; 0: the default
     * @param pool connections of the host's pool
     * @param lively whether the engine polls as often as it may, see {@link IdleWorkload#LIVELY}
     * @param counted whether statements are counted, which costs some CPU
     */
    record Work(int queues, int threads, int pool, boolean lively, boolean counted) {
        static Work of(int queues) {
            return new Work(queues, 0, PostroomContender.POOL, false, false);
        }

        Work withLively() {
            return new Work(queues, threads, pool, true, counted);
        }

        Work withCounted() {
            return new Work(queues, threads, pool, lively, true);
        }
    }

    /** @param atNanos when the engine's start returned, by {@link System#nanoTime} */
    record Started(double millis, long atNanos) {}

    /**
     * Returns when the engine runs; kills the process if that takes longer than the limit.
     *
     * @throws IOException the process has ended
     */
    Started consume(BenchDatabase database, Work work, Duration limit) throws IOException {
        jvm.say(
                String.join(
                        " ",
                        "consume",
                        "" + work.queues,
                        "" + work.threads,
                        "" + work.pool,
                        "" + work.lively,
                        "" + work.counted),
                database);
        String[] words = jvm.answer(limit).split(" ");
        return new Started(Double.parseDouble(words[0]), Long.parseLong(words[1]));
    }

    /** Drains 100,000 messages over 10 queues in a database that is dropped, to let the JVM compile what an engine does. */
    void warmUp(Bench bench) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        int messages = bench.options().messages(WARM_UP_MESSAGES);
        try (QueueFiller filler = new QueueFiller(database)) {
            consume(database, Work.of(WARM_UP_QUEUES), LIMIT);
            filler.spread(messages, 0, WARM_UP_QUEUES);
            awaitDone(messages, LIMIT);
            rest();
        } finally {
            bench.server().drop(database);
        }
    }

    /** Opens the pool and the driver, and no engine. Ended by {@link #rest}. */
    void poolAlone(BenchDatabase database, int pool) throws IOException {
        jvm.say("pool " + pool, database);
        jvm.answer(SLOW);
    }

    /** Stops the engine. */
    void rest() throws IOException {
        jvm.say("rest");
        jvm.answer(Duration.ofSeconds(60));
    }

    /** Counts anew. */
    void begin() throws IOException {
        jvm.ask("begin");
    }

    /** Waits until so many are DONE or the limit is over. Returns how many are. */
    long awaitDone(long messages, Duration limit) throws IOException {
        jvm.say("done " + messages + " " + limit.toMillis());
        return Long.parseLong(jvm.answer(limit.plus(SLOW)));
    }

    long done() throws IOException {
        return awaitDone(0, Duration.ZERO);
    }

    /**
     * Waits until so many messages of queues other than the first were started.
     *
     * @return when the last of them was, by {@link System#nanoTime}; 0: not within the limit
     */
    long awaitOthers(int messages, Duration limit) throws IOException {
        jvm.say("others " + messages + " " + limit.toMillis());
        return Long.parseLong(jvm.answer(limit.plus(SLOW)));
    }

    /**
     * When the handlers were called, by {@link System#nanoTime}, which all processes of a Linux machine share. Only of a process that was
     * started with {@link #LOG_STARTS}.
     */
    long[] starts() throws IOException {
        return Arrays.stream(jvm.ask("starts").split(" "))
                .filter(word -> !word.isEmpty())
                .mapToLong(Long::parseLong)
                .toArray();
    }

    double cpuMillis() throws IOException {
        return Double.parseDouble(jvm.ask("cpu"));
    }

    /** Bytes of the heap that are in use after full collections. */
    double liveHeap() throws IOException {
        jvm.say("heap");
        return Double.parseDouble(jvm.answer(SLOW));
    }

    /**
     * What was counted.
     *
     * @param threads the highest number of Java threads, the compiler's and the collector's not among them
     * @param handlers the highest number of handlers that ran at once
     * @param warnings lines the process logged at WARN or ERROR, those with an exception among them
     */
    record Counts(int threads, int handlers, long warnings, long statements, String firstWarning) {}

    Counts counts() throws IOException {
        String[] words = jvm.ask("counts").split(" ", 5);
        return new Counts(
                Integer.parseInt(words[0]),
                Integer.parseInt(words[1]),
                Long.parseLong(words[2]),
                Long.parseLong(words[3]),
                words[4]);
    }

    long pid() {
        return jvm.pid();
    }

    @Override
    public void close() throws InterruptedException {
        jvm.close();
    }

    // --- in the other process

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final AtomicLong DONE = new AtomicLong();
    private static final AtomicInteger OTHERS = new AtomicInteger();
    private static final AtomicInteger RUNNING = new AtomicInteger();
    private static final AtomicInteger MOST_RUNNING = new AtomicInteger();
    private static final boolean LOGS_STARTS = Boolean.getBoolean("bench.logStarts");
    private static final Queue<Long> STARTS = new ConcurrentLinkedQueue<>();
    private static final Warnings WARNINGS = new Warnings();
    /** When the last message of another queue than the first was started. */
    private static volatile long otherNanos;

    public static void main(String[] arguments) throws Exception {
        WARNINGS.watch();
        BufferedReader in = ChildJvm.input();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            BenchDatabase database = ChildJvm.database(in);
            switch (words[0]) {
                case "consume" -> consume(words, database, in);
                case "pool" -> poolAlone(Integer.parseInt(words[1]), database, in);
                default -> throw new IllegalStateException(line);
            }
            ChildJvm.answer("rests");
        }
        System.exit(0); // the threads of an engine that could not stop
    }

    private static void consume(String[] words, BenchDatabase database, BufferedReader in) throws Exception {
        int queues = Integer.parseInt(words[1]);
        int threads = Integer.parseInt(words[2]);
        boolean isLively = Boolean.parseBoolean(words[4]);
        boolean isCounted = Boolean.parseBoolean(words[5]);
        BenchDatabase used = isCounted ? CountingDriver.counted(database) : database;
        try (HikariDataSource pool = used.pool(Integer.parseInt(words[3]))) {
            pool.getConnection().close();
            forget();
            long began = System.nanoTime();
            try (Postroom postroom = engine(pool, queues, threads, isLively)) {
                long now = System.nanoTime();
                ChildJvm.answer((now - began) / 1e6 + " " + now);
                answerUntilRest(in);
                postroom.stop(Duration.ofSeconds(5));
            }
        }
    }

    private static Postroom engine(HikariDataSource pool, int queues, int threads, boolean isLively) {
        Postroom.Builder builder = Postroom.on(pool)
                .listener(
                        event -> { // after its result was committed
                            if (event.state() == MessageState.DONE) {
                                DONE.incrementAndGet();
                            }
                        });
        builder.settings(isLively ? IdleWorkload.LIVELY : EngineSettings.defaults("bench"));
        for (int i = 0; i < queues; i++) {
            builder.handler(handler(i, threads));
        }
        return builder.start();
    }

    private static Handler handler(int number, int threads) {
        Handler handler = Handler.send(queue(number), String.class, (payload, context) -> {
            if (LOGS_STARTS) {
                STARTS.add(System.nanoTime());
            }
            MOST_RUNNING.accumulateAndGet(RUNNING.incrementAndGet(), Math::max);
            if (number > 0) {
                OTHERS.incrementAndGet();
                otherNanos = System.nanoTime();
            }
            RUNNING.decrementAndGet();
            return Outcome.done();
        });
        return threads == 0 ? handler : handler.concurrency(threads);
    }

    private static void poolAlone(int connections, BenchDatabase database, BufferedReader in) throws Exception {
        try (HikariDataSource pool = database.pool(connections)) {
            try (Connection connection = pool.getConnection();
                    var statement = connection.prepareStatement("SELECT 1")) {
                statement.execute();
            }
            ChildJvm.answer("open");
            answerUntilRest(in);
        }
    }

    private static void answerUntilRest(BufferedReader in) throws Exception {
        for (String line = in.readLine(); line != null && !line.equals("rest"); line = in.readLine()) {
            String[] words = line.split(" ");
            ChildJvm.answer(
                    switch (words[0]) {
                        case "begin" -> forget();
                        case "done" -> String.valueOf(awaitDone(Long.parseLong(words[1]), Long.parseLong(words[2])));
                        case "others" ->
                            String.valueOf(awaitOthers(Long.parseLong(words[1]), Long.parseLong(words[2])));
                        case "cpu" -> String.valueOf(Meter.client());
                        case "starts" -> STARTS.stream().map(String::valueOf).collect(Collectors.joining(" "));
                        case "heap" -> String.valueOf(collected());
                        case "counts" ->
                            String.join(
                                    " ",
                                    "" + THREADS.getPeakThreadCount(),
                                    "" + MOST_RUNNING.get(),
                                    "" + WARNINGS.count.get(),
                                    "" + CountingDriver.statements(),
                                    WARNINGS.first());
                        default -> throw new IllegalStateException(line);
                    });
        }
    }

    private static String forget() {
        DONE.set(0);
        STARTS.clear();
        OTHERS.set(0);
        MOST_RUNNING.set(0);
        WARNINGS.forget();
        THREADS.resetPeakThreadCount();
        return "counts anew";
    }

    private static long awaitDone(long messages, long millis) throws InterruptedException {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (DONE.get() < messages && System.nanoTime() < until) {
            Thread.sleep(2);
        }
        return DONE.get();
    }

    private static long awaitOthers(long messages, long millis) throws InterruptedException {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (OTHERS.get() < messages && System.nanoTime() < until) {
            Thread.sleep(2);
        }
        return OTHERS.get() < messages ? 0 : otherNanos;
    }

    /** References that only the collector clears need more than one collection. */
    private static long collected() throws InterruptedException {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            System.gc();
            Thread.sleep(100);
            least = Math.min(
                    least,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        }
        return least;
    }

    /** Counts what is logged, and shows the first few only: a thousand lines of it would hide the figures. */
    private static final class Warnings extends AppenderBase<ILoggingEvent> {
        final AtomicLong count = new AtomicLong();
        private volatile @Nullable String text;

        void watch() {
            ch.qos.logback.classic.Logger root =
                    (ch.qos.logback.classic.Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
            root.detachAndStopAllAppenders();
            root.setLevel(Level.WARN);
            ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("io.postroom")).setLevel(Level.WARN);
            setContext(root.getLoggerContext());
            start();
            root.addAppender(this);
        }

        @Override
        protected void append(ILoggingEvent event) {
            if (count.getAndIncrement() == 0) {
                text = event.getFormattedMessage();
            }
        }

        void forget() {
            count.set(0);
            text = null;
        }

        String first() {
            String first = text;
            return first == null ? "-" : first.lines().findFirst().orElse("-");
        }
    }
}
