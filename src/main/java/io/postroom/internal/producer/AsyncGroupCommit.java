package io.postroom.internal.producer;

import io.postroom.api.Created;
import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shares one commit among messages whose callers do not wait for it. While one group is written, the next one gathers, so that a lone
 * message waits for no other. A group that is refused is written again one by one: no message is refused for its neighbour. The thread
 * that writes starts at the first use. Thread-safe.
 *
 * <p>A message that may wait for another transaction goes to {@link QueueBacklogs}, where it holds up only its own destination. A limit of
 * a queue that another process has set is not known here for up to ten seconds: the first message for that queue may hold all up.
 */
final class AsyncGroupCommit {
    private static final Logger log = LoggerFactory.getLogger(AsyncGroupCommit.class);
    private static final int LARGEST_GROUP = 1000;
    private static final Duration LONGEST_CLOSE = Duration.ofSeconds(10);
    /**
     * Most messages that wait to be written. Above it {@link #add} blocks, because callers create messages faster than the database
     * stores them.
     */
    private static final int MOST_WAITING = 50_000;
    /** Most kilobytes that wait to be written, for the same reason: so many messages of the largest size would fill the heap. */
    private static final int MOST_WAITING_KB = 64 * 1024;

    private final Function<List<NewMessage>, List<EnqueueResult>> next;
    private final QueueBacklogs<Waiting> backlogs;
    private final LinkedBlockingQueue<Waiting> waiting = new LinkedBlockingQueue<>(MOST_WAITING);
    /** In kilobytes. Fair, so that a large message gets its turn. */
    private final Semaphore space = new Semaphore(MOST_WAITING_KB, true);
    /**
     * Completes the futures. Callers' code chained to a future may create messages and wait for them, so it must not run on the thread
     * that writes.
     */
    private final ExecutorService callbacks = Executors.newCachedThreadPool(task -> daemon("postroom-created", task));

    private final Executor guard;
    private final Duration longestClose;
    private @Nullable Thread writer;
    private volatile boolean closed;

    /**
     * @param next stores all messages or none
     * @param mayWait whether storing a message may wait for another transaction
     * @param guard runs callers' code on the calling thread, and makes the thread as it was
     */
    AsyncGroupCommit(
            Function<List<NewMessage>, List<EnqueueResult>> next, Predicate<NewMessage> mayWait, Executor guard) {
        this(next, mayWait, guard, LONGEST_CLOSE);
    }

    AsyncGroupCommit(
            Function<List<NewMessage>, List<EnqueueResult>> next,
            Predicate<NewMessage> mayWait,
            Executor guard,
            Duration longestClose) {
        this.next = next;
        this.backlogs = new QueueBacklogs<>(
                Waiting::destination,
                entry -> mayWait.test(entry.message),
                entry -> entry.message.content().bytes(),
                this::write);
        this.guard = guard;
        this.longestClose = longestClose;
    }

    /** Adds a message to the next group. Its future completes after the commit, or exceptionally if the message was not stored. */
    CompletableFuture<Created> add(NewMessage message) {
        if (closed) {
            throw new PostroomException("Postroom is closed");
        }
        ensureStarted();
        Waiting entry = new Waiting(message, new CompletableFuture<>());
        boolean hasSpace = false;
        try {
            takeSpace(entry.kilobytes());
            hasSpace = true;
            if (!waiting.offer(entry)) {
                waiting.put(entry);
            }
        } catch (InterruptedException interrupted) {
            if (hasSpace) {
                space.release(entry.kilobytes());
            }
            Thread.currentThread().interrupt();
            throw new PostroomException(
                    "interrupted while " + MOST_WAITING + " messages waited to be stored; this one is not stored",
                    interrupted);
        }
        if (closed && waiting.remove(entry)) { // the writer may have ended before this message came
            space.release(entry.kilobytes());
            throw new PostroomException("Postroom is closed");
        }
        return entry.future;
    }

    /** An interrupted thread may not wait, but where there is room it need not. Others wait in the order in which they came. */
    private void takeSpace(int kilobytes) throws InterruptedException {
        if (!Thread.currentThread().isInterrupted() || !space.tryAcquire(kilobytes)) {
            space.acquire(kilobytes);
        }
    }

    /** Writes the messages that wait, then ends. Messages that could not be written within ten seconds fail. */
    void close() {
        closed = true;
        long end = System.nanoTime() + longestClose.toNanos();
        Thread thread;
        synchronized (this) {
            thread = writer;
        }
        List<Waiting> left = new ArrayList<>();
        try {
            if (thread != null) {
                thread.join(longestClose.toMillis());
            }
            left.addAll(backlogs.close(Duration.ofNanos(end - System.nanoTime())));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            left.addAll(backlogs.closeAtOnce());
        }
        waiting.drainTo(left);
        left.forEach(entry -> entry.future.completeExceptionally(
                new PostroomException("Postroom was closed before message " + entry.message.id() + " was stored")));
        space.release(
                left.stream().mapToInt(Waiting::kilobytes).sum()); // who still waits for it is told that this is closed
        callbacks.shutdown();
    }

    private synchronized void ensureStarted() {
        if (writer == null) {
            writer = daemon("postroom-group-commit", this::run);
            writer.start();
        }
    }

    private static Thread daemon(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    private void run() {
        List<Waiting> group = new ArrayList<>();
        while (!closed || !waiting.isEmpty()) {
            group.clear();
            try {
                Waiting first = waiting.poll(200, TimeUnit.MILLISECONDS);
                if (first != null) {
                    gather(first, group);
                }
            } catch (Throwable unexpected) {
                fail(group, unexpected);
                group.clear();
            }
            write(group);
            backlogs.start();
        }
    }

    /** Writes a group, whatever happens. */
    private void write(List<Waiting> group) {
        try {
            if (!group.isEmpty()) {
                writeGroup(group);
            }
        } catch (Throwable unexpected) {
            fail(group, unexpected);
        } finally {
            space.release(group.stream().mapToInt(Waiting::kilobytes).sum());
        }
    }

    /** Gathers what is written together. Leaves out what goes to the backlogs. */
    private void gather(Waiting first, List<Waiting> group) {
        long bytes = 0;
        for (Waiting next = first; next != null; ) {
            if (!backlogs.take(next)) {
                group.add(next);
                bytes += next.message.content().bytes();
            }
            boolean full = group.size() == LARGEST_GROUP || bytes >= SyncGroupCommit.LARGEST_BYTES;
            next = full ? null : waiting.poll();
        }
    }

    /** Tells the callers first, and logs after that. Whatever happens here, the thread goes on with the next group. */
    private void fail(List<Waiting> group, Throwable unexpected) {
        try {
            tell(group, entry -> entry.future.completeExceptionally(unexpected));
            log.error("a group commit failed", unexpected);
        } catch (Throwable again) {
            Thread.yield();
        }
    }

    private void writeGroup(List<Waiting> group) {
        List<EnqueueResult> results;
        try {
            results = next.apply(group.stream().map(Waiting::message).toList());
        } catch (PostroomException refused) {
            if (group.size() == 1 || refused instanceof StoreException store && store.mayPass()) {
                tell(
                        group,
                        entry -> entry.future.completeExceptionally(
                                refused instanceof UnknownFateException unknown
                                        ? unknown.of(entry.message.id())
                                        : refused));
            } else {
                group.forEach(entry -> writeGroup(List.of(entry)));
            }
            return;
        }
        Iterator<EnqueueResult> answers = results.iterator();
        tell(group, entry -> {
            EnqueueResult result = answers.next();
            entry.future.complete(result.created());
        });
    }

    /**
     * Ends the futures in order, on another thread: a callback may wait for a message that the writing thread has yet to write. Once this
     * is closed, or the system refuses a thread, on the calling one.
     */
    private void tell(List<Waiting> group, Consumer<Waiting> end) {
        List<Waiting> told = List.copyOf(group);
        Runnable all = () -> told.forEach(entry -> guard.execute(() -> end.accept(entry)));
        try {
            callbacks.execute(all);
        } catch (RejectedExecutionException | OutOfMemoryError noThread) {
            all.run();
        }
    }

    private record Waiting(NewMessage message, CompletableFuture<Created> future) {
        /** Kilobytes that the message counts for; at least one, so that the number of waiting messages is limited, too. */
        int kilobytes() {
            return (int) Math.min(MOST_WAITING_KB, Math.max(1, message.content().bytes() / 1024));
        }

        /** The queue or, for a message through an exchange, the exchange. No name of a queue has a space. */
        String destination() {
            Content content = message.content();
            String exchange = content.exchange();
            if (exchange == null) {
                return message.queue();
            }
            return exchange.isEmpty() ? String.valueOf(content.routingKey()) : "exchange " + exchange;
        }
    }
}
