package io.postroom.internal.producer;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Messages that may wait for transactions of others, by destination, so that they hold up no other destination. While a destination has
 * such a message, all later ones for it stay behind that one: their order is kept. Each destination is written by one thread at a time.
 *
 * <p>Up to {@value #MOST_WRITERS} destinations are written at once, each on a connection of its own. When so many wait for transactions of
 * others, the rest of the destinations in here waits with them. Thread-safe; {@link #take} and {@link #start} are called by one thread.
 */
final class QueueBacklogs<T> {
    static final int MOST_WRITERS = 4;

    private final Function<T, String> destination;
    private final Predicate<T> mayWait;
    private final ToLongFunction<T> bytes;
    private final Consumer<List<T>> writer;
    private final ExecutorService threads;

    private final Map<String, Queue<T>> backlogs = new HashMap<>();
    /** Destinations that are new since {@link #start}. */
    private final Queue<String> taken = new ArrayDeque<>();
    /** Destinations that no thread writes now. */
    private final Queue<String> idle = new ArrayDeque<>();

    private int writers;

    /** @param writer writes a group, tells the callers, and throws nothing */
    QueueBacklogs(
            Function<T, String> destination, Predicate<T> mayWait, ToLongFunction<T> bytes, Consumer<List<T>> writer) {
        this.destination = destination;
        this.mayWait = mayWait;
        this.bytes = bytes;
        this.writer = writer;
        this.threads = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, "postroom-group-commit-waiting");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** Takes a message that may wait, or whose destination has others here. Returns false for any other one. */
    synchronized boolean take(T message) {
        String name = destination.apply(message);
        Queue<T> backlog = backlogs.get(name);
        if (backlog == null) {
            if (!mayWait.test(message)) {
                return false;
            }
            backlog = new ArrayDeque<>();
            backlogs.put(name, backlog);
            taken.add(name);
        }
        return backlog.add(message);
    }

    /** Begins to write what was taken. Called when the messages that came before are written: the order of a destination is kept. */
    synchronized void start() {
        idle.addAll(taken);
        taken.clear();
        for (int i = Math.min(idle.size(), MOST_WRITERS - writers); i > 0; i--) {
            try {
                threads.execute(this::writeAll);
                writers++;
            } catch (RejectedExecutionException | OutOfMemoryError noThread) {
                return; // the next call tries again
            }
        }
    }

    private void writeAll() {
        for (String name = next(); name != null; name = next()) {
            writer.accept(group(name));
            putBack(name);
        }
    }

    private synchronized @Nullable String next() {
        String name = idle.poll();
        if (name == null) {
            writers--;
        }
        return name;
    }

    private synchronized List<T> group(String name) {
        Queue<T> backlog = backlogs.getOrDefault(name, new ArrayDeque<>());
        List<T> group = new ArrayList<>();
        long size = 0;
        while (group.size() < SyncGroupCommit.LARGEST_GROUP
                && size < SyncGroupCommit.LARGEST_BYTES
                && !backlog.isEmpty()) {
            T message = backlog.remove();
            size += bytes.applyAsLong(message);
            group.add(message);
        }
        return group;
    }

    private synchronized void putBack(String name) {
        Queue<T> backlog = backlogs.get(name);
        if (backlog == null || backlog.isEmpty()) {
            backlogs.remove(name);
            notifyAll();
        } else {
            idle.add(name);
        }
    }

    /** Waits until all is written, but no longer than this. Then takes out the messages that no thread has begun to write. */
    synchronized List<T> close(Duration longest) throws InterruptedException {
        long end = System.nanoTime() + longest.toNanos();
        for (long left = longest.toMillis(); !backlogs.isEmpty() && left > 0; ) {
            wait(left);
            left = (end - System.nanoTime()) / 1_000_000;
        }
        return closeAtOnce();
    }

    /** Takes out the messages that no thread has begun to write. */
    synchronized List<T> closeAtOnce() {
        threads.shutdown();
        List<T> left = new ArrayList<>();
        for (Queue<T> backlog : backlogs.values()) {
            left.addAll(backlog);
            backlog.clear();
        }
        return left;
    }
}
