package io.postroom.internal.producer;

import io.postroom.api.Created;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One commit for messages that arrive together. While one group is written the next gathers, so a lone message waits for nobody. A group that is refused
 * is written one by one: a message is not refused for its neighbour. Its thread starts at the first use.
 */
final class AsyncGroupCommit {
    private static final Logger log = LoggerFactory.getLogger(AsyncGroupCommit.class);
    private static final int LARGEST_GROUP = 1000;
    private static final Duration LONGEST_CLOSE = Duration.ofSeconds(10);
    /** Callers wait above this: they outrun the database. */
    private static final int MOST_WAITING = 50_000;

    private final Function<List<NewMessage>, List<EnqueueResult>> write;
    private final LinkedBlockingQueue<Waiting> waiting = new LinkedBlockingQueue<>(MOST_WAITING);
    /** What callers chained to their futures may create messages itself and wait for them: not on the thread that writes. */
    private final ExecutorService callbacks = Executors.newCachedThreadPool(task -> daemon("postroom-created", task));

    private @Nullable Thread writer;
    private volatile boolean closed;

    AsyncGroupCommit(Function<List<NewMessage>, List<EnqueueResult>> write) {
        this.write = write;
    }

    CompletableFuture<Created> add(String queue, NewMessage row) {
        if (closed) {
            throw new PostroomException("Postroom is closed");
        }
        ensureStarted();
        Waiting entry = new Waiting(queue, row, new CompletableFuture<>());
        try {
            waiting.put(entry);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new PostroomException("interrupted before the message was stored", interrupted);
        }
        return entry.future;
    }

    /** Writes what is waiting, then ends; what could not be written in ten seconds fails. */
    void close() {
        closed = true;
        Thread thread;
        synchronized (this) {
            thread = writer;
        }
        try {
            if (thread != null) {
                thread.join(LONGEST_CLOSE.toMillis());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        List<Waiting> left = new ArrayList<>();
        waiting.drainTo(left);
        left.forEach(entry -> entry.future.completeExceptionally(
                new PostroomException("Postroom was closed before message " + entry.row.id() + " was stored")));
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
                if (first == null) {
                    continue;
                }
                group.add(first);
                waiting.drainTo(group, LARGEST_GROUP - 1);
                writeGroup(group);
            } catch (Throwable unexpected) {
                fail(group, unexpected);
            }
        }
    }

    /** The callers first; and whatever happens, the next group is written. */
    private static void fail(List<Waiting> group, Throwable unexpected) {
        try {
            group.forEach(entry -> entry.future.completeExceptionally(unexpected));
            log.error("a group commit failed", unexpected);
        } catch (Throwable again) {
            Thread.yield();
        }
    }

    private void writeGroup(List<Waiting> group) {
        List<EnqueueResult> enqueued;
        try {
            enqueued = write.apply(group.stream().map(Waiting::row).toList());
        } catch (DuplicateMessageException | StoreException refused) {
            if (group.size() == 1 || refused instanceof StoreException store && store.mayPass()) {
                group.forEach(entry -> entry.future.completeExceptionally(refused));
            } else {
                group.forEach(entry -> writeGroup(List.of(entry)));
            }
            return;
        }
        List<Waiting> written = List.copyOf(group);
        callbacks.execute(() -> tell(written, enqueued));
    }

    private static void tell(List<Waiting> group, List<EnqueueResult> enqueued) {
        for (int i = 0; i < group.size(); i++) {
            Waiting entry = group.get(i);
            entry.future.complete(
                    new Created(enqueued.get(i).id(), enqueued.get(i).isNew(), List.of(entry.queue)));
        }
    }

    private record Waiting(String queue, NewMessage row, CompletableFuture<Created> future) {}
}
