package io.postroom.homes;

import io.postroom.DefaultPostroom;
import io.postroom.api.PostroomException;
import io.postroom.api.Schedule;
import io.postroom.api.StoreException;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.internal.storage.HomeStore;
import io.postroom.internal.storage.StoreErrors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One database with its engine, once that runs. Thread-safe.
 *
 * <p>Each home has threads of its own for questions to several homes: calls that hang on one home take no thread from the others.
 */
final class Home {
    private static final Logger log = LoggerFactory.getLogger(Home.class);
    /** Questions that a home answers at a time. */
    private static final int THREADS = 16;
    /** Questions that wait for a thread; with more, the home counts as down for the next ones. */
    private static final int MOST_WAITING = 10_000;

    private static final int IDLE_SECONDS = 30;

    private final String name;
    private final DataSource source;
    private final @Nullable Transactions transactions;
    private final HomeStore store;
    private final ThreadPoolExecutor threads;
    /** Guarded by this: handlers that no engine has yet. */
    private final List<Handler> laterHandlers = new ArrayList<>();
    /** Guarded by this: schedules that are not declared yet. */
    private final List<Schedule> laterSchedules = new ArrayList<>();
    /** Guarded by this: whether the engine has still to be told to work. */
    private boolean mustStart;

    private volatile @Nullable DefaultPostroom engine;
    private volatile @Nullable Throwable problem;
    /** Not the lock of what is asked of the engine: that may hang on the database, and the loop that starts homes must not. */
    private final Object startLock = new Object();

    private @Nullable CompletableFuture<Void> start;
    private final RepeatedWarning warning = new RepeatedWarning();
    private volatile boolean works;
    private volatile @Nullable Duration drain;
    /** Whether an engine runs that does not do yet what was asked of it, because the home was away then. */
    private volatile boolean isBehind;

    private volatile boolean closed;

    Home(String name, DataSource source, @Nullable Transactions transactions) {
        this.name = name;
        this.source = source;
        this.transactions = transactions;
        this.store = new PostgresHome(source);
        AtomicInteger number = new AtomicInteger();
        this.threads = new ThreadPoolExecutor(
                THREADS, THREADS, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(MOST_WAITING), task -> {
                    Thread thread = new Thread(task, "postroom-home-" + name + "-" + number.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        threads.allowCoreThreadTimeOut(true);
    }

    String name() {
        return name;
    }

    DataSource source() {
        return source;
    }

    HomeStore store() {
        return store;
    }

    Optional<Transactions> transactions() {
        return Optional.ofNullable(transactions);
    }

    /** Whether a transaction of this home is open on this thread. */
    boolean isTransactionOpen() {
        return transactions != null && transactions.isOpen() && transactions.isOwn();
    }

    /**
     * The engine of this home.
     *
     * @throws HomeDownException none runs
     */
    DefaultPostroom require() {
        DefaultPostroom running = engine;
        if (running == null) {
            throw down();
        }
        return running;
    }

    boolean isUp() {
        return engine != null;
    }

    HomeStatus status() {
        DefaultPostroom running = engine;
        if (running == null) {
            return new HomeStatus(name, false, List.of(because(problem)), List.of());
        }
        List<String> problems = new ArrayList<>();
        if (isBehind) {
            problems.add("its handlers and schedules have not begun yet: " + because(problem));
        }
        problems.addAll(running.problems());
        return new HomeStatus(name, true, problems, running.warnings());
    }

    private HomeDownException down() {
        Throwable cause = problem;
        return new HomeDownException(name, because(cause), cause == null ? new IllegalStateException() : cause);
    }

    private static String because(@Nullable Throwable cause) {
        return cause == null
                ? "its start has not ended yet"
                : cause instanceof HomeDownException down ? down.because() : String.valueOf(cause.getMessage());
    }

    /** Runs a call, and names this home where it fails because the home is down. */
    <T> T naming(Supplier<T> call) {
        try {
            return call.get();
        } catch (StoreException failed) {
            throw named(failed);
        }
    }

    void naming(Runnable call) {
        try {
            call.run();
        } catch (StoreException failed) {
            throw named(failed);
        }
    }

    /** Answers a failure of a start with the name of this home: as one that may pass, or as one that does not. */
    RuntimeException ofStart(Throwable failed) {
        return !isPassing(failed)
                ? new PostroomException("home \"" + name + "\" cannot be used: " + failed.getMessage(), failed)
                : failed instanceof HomeDownException down
                        ? down
                        : new HomeDownException(name, String.valueOf(failed.getMessage()), failed);
    }

    /** Answers the failure with the name of this home where it is down, else the failure as it is. */
    RuntimeException named(RuntimeException failed) {
        return failed instanceof StoreException store
                        && store.kind() == StoreException.Kind.UNAVAILABLE
                        && !(failed instanceof HomeDownException)
                ? new HomeDownException(name, String.valueOf(failed.getMessage()), failed)
                : failed;
    }

    /** Gives the failure of an answer that comes later the name of this home. */
    <T> CompletableFuture<T> namingLater(CompletableFuture<T> answer) {
        return answer.exceptionallyCompose(failed -> {
            Throwable cause =
                    failed instanceof CompletionException && failed.getCause() != null ? failed.getCause() : failed;
            return CompletableFuture.failedFuture(cause instanceof RuntimeException thrown ? named(thrown) : cause);
        });
    }

    /** Runs work on a thread of this home, unless its answer is cancelled before. */
    <T> CompletableFuture<T> async(Supplier<T> work) {
        CompletableFuture<T> result = new CompletableFuture<>();
        try {
            threads.execute(() -> {
                if (result.isDone()) {
                    return; // whoever asked has given up while other questions hung
                }
                try {
                    result.complete(work.get());
                } catch (Throwable failed) {
                    result.completeExceptionally(failed);
                }
            });
        } catch (RejectedExecutionException busy) {
            result.completeExceptionally(new HomeDownException(
                    name, MOST_WAITING + " calls wait for its answers, and one more is not taken", busy));
        }
        return result;
    }

    // ---- start and end

    /** Begins a start on a thread of this home, unless one is under way or the engine runs. Answers when the start has ended. */
    CompletableFuture<Void> start(Supplier<DefaultPostroom> starting) {
        synchronized (startLock) {
            if (closed || engine != null && !isBehind) {
                return CompletableFuture.completedFuture(null);
            }
            CompletableFuture<Void> begun = start;
            if (begun == null || begun.isDone()) {
                begun = engine == null
                        ? async(starting).thenAccept(this::started)
                        : async(this::catchUp).thenAccept(nothing -> {});
                begun.whenComplete((nothing, failed) -> {
                    if (failed != null) {
                        problem = failed.getCause() == null ? failed : failed.getCause();
                        warning.log(log, "the start on home \"" + name + "\"", problem);
                    }
                });
                start = begun;
            }
            return begun;
        }
    }

    private synchronized void started(DefaultPostroom prepared) {
        List<Handler> handlers = List.copyOf(laterHandlers);
        List<Schedule> schedules = List.copyOf(laterSchedules);
        boolean starts = mustStart;
        try {
            give(prepared);
        } catch (RuntimeException failed) {
            prepared.close();
            laterHandlers.clear();
            laterHandlers.addAll(handlers);
            laterSchedules.clear();
            laterSchedules.addAll(schedules);
            mustStart = starts;
            throw failed;
        }
        engine = prepared;
        problem = null;
        warning.reset();
        stopIfAsked(prepared); // after the engine can be seen: a stop did not see it, or stops it, too
        if (closed) { // likewise
            prepared.close();
        }
    }

    /** Gives an engine what was asked of this home and no engine has yet. */
    private void give(DefaultPostroom running) {
        while (!laterSchedules.isEmpty()) {
            running.schedules().declare(laterSchedules.get(0));
            laterSchedules.remove(0);
        }
        if (works && mustStart) {
            running.checkHandlers(laterHandlers);
            List<Handler> taken = List.copyOf(laterHandlers);
            laterHandlers.clear(); // the engine has them from here on, also where its start fails: they were checked
            running.startWorkers(taken);
            mustStart = false;
        }
    }

    /** The race: a stop came while the handlers began, and has found no engine, or one that did not work yet. */
    private void stopIfAsked(DefaultPostroom running) {
        if (!works) {
            running.stopClaiming();
            Duration given = drain;
            if (given != null) {
                running.stopWorkers(given);
            }
        }
    }

    /** Gives the engine that runs what it has not; where the home is away, the loop of the homes repeats this. Answers nothing. */
    private synchronized boolean catchUp() {
        DefaultPostroom running = engine;
        if (running == null) {
            return false;
        }
        try {
            give(running);
        } catch (RuntimeException failed) {
            if (!isPassing(failed)) {
                throw failed;
            }
            problem = failed;
            isBehind = true;
            warning.log(log, "the start of the handlers of home \"" + name + "\"", failed);
            return false;
        } finally {
            stopIfAsked(running);
        }
        if (isBehind) {
            isBehind = false;
            problem = null;
            warning.reset();
            log.info("Home \"{}\" does what was asked of it", name);
        }
        return true;
    }

    /** Says why no engine runs. */
    void failed(Throwable cause) {
        problem = cause;
    }

    /** Begins to work with these handlers beside those of the builder: now, or once the home is up. */
    synchronized void startWorkers(Collection<Handler> more) {
        works = true;
        drain = null;
        mustStart = true;
        laterHandlers.addAll(more);
        try {
            catchUp();
        } catch (RuntimeException refused) {
            laterHandlers.removeAll(more);
            throw refused;
        }
    }

    void checkHandlers(Collection<Handler> more) {
        ifUp(running -> running.checkHandlers(more));
    }

    /** Declares a schedule: now, or once the home is up. */
    synchronized void declare(Schedule schedule) {
        laterSchedules.add(schedule);
        try {
            catchUp();
        } catch (RuntimeException refused) {
            laterSchedules.remove(schedule);
            throw refused;
        }
    }

    void stopClaiming() {
        works = false;
        ifUp(DefaultPostroom::stopClaiming);
    }

    /** Stops the handlers; {@link #startWorkers} may follow. Takes no lock, as {@link #close}. */
    void stopWorkers(Duration drain) {
        this.drain = drain; // before works: who sees that it works no more reads this
        works = false;
        ifUp(running -> running.stopWorkers(drain));
    }

    void stop(Duration drain) {
        this.drain = drain;
        works = false;
        ifUp(running -> running.stop(drain));
    }

    /** Takes no lock: a start that hangs on the database must not hold it up. */
    void close() {
        closed = true;
        ifUp(DefaultPostroom::close);
        threads.shutdown();
    }

    private void ifUp(Consumer<DefaultPostroom> action) {
        DefaultPostroom running = engine;
        if (running != null) {
            action.accept(running);
        }
    }

    String named(String sentence) {
        return named(name, sentence);
    }

    /** Answers a sentence about a home with its name in front. */
    static String named(String home, String sentence) {
        return "home \"" + home + "\": " + sentence;
    }

    /** Closes what was opened for nothing; what fails then is logged. */
    static void closeQuietly(Home home) {
        try {
            home.close();
        } catch (RuntimeException failed) {
            log.warn("closing home \"{}\" failed", home.name, failed);
        }
    }

    /** Whether the home may come back by itself. Asks the causes, too: a pool may wrap what failed at its first use. */
    static boolean isPassing(Throwable failed) {
        return StoreErrors.mayPass(failed);
    }
}
