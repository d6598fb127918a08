package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.Created;
import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Shows how much waits to be written. The first write is held open. */
@Timeout(60)
class AsyncGroupCommitTest {
    private static final String MEGABYTE = "1".repeat(1024 * 1024);

    private final CountDownLatch mayWrite = new CountDownLatch(1);
    private final List<Long> written = new CopyOnWriteArrayList<>();

    @Test
    void callers_wait_when_more_bytes_wait_than_a_heap_can_take() throws Exception {
        AsyncGroupCommit commits =
                new AsyncGroupCommit(new SyncGroupCommit(heldWriter())::write, message -> false, Runnable::run);
        List<CompletableFuture<Created>> added = new CopyOnWriteArrayList<>();
        Thread caller = new Thread(() -> {
            for (int i = 0; i < 100; i++) {
                added.add(commits.add(message()));
            }
        });
        caller.start();
        await().until(() -> caller.getState() == Thread.State.WAITING);
        assertThat(added).hasSize(64);
        mayWrite.countDown();
        caller.join();
        for (CompletableFuture<Created> each : added) {
            each.get(30, TimeUnit.SECONDS);
        }
        assertThat(added).hasSize(100);
        assertThat(written).allMatch(bytes -> bytes <= SyncGroupCommit.LARGEST_BYTES);
        commits.close();
    }

    @Test
    void callers_that_wait_for_space_are_told_of_a_close() throws Exception {
        AsyncGroupCommit commits = new AsyncGroupCommit(
                new SyncGroupCommit(heldWriter())::write, message -> false, Runnable::run, Duration.ofMillis(200));
        Thread caller = new Thread(() -> {
            for (int i = 0; i < 100; i++) {
                commits.add(message());
            }
        });
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        caller.setUncaughtExceptionHandler((thread, error) -> thrown.add(error));
        caller.start();
        await().until(() -> caller.getState() == Thread.State.WAITING);
        commits.close();
        caller.join(30_000);
        assertThat(thrown).singleElement().asString().contains("closed");
        mayWrite.countDown();
    }

    @Test
    void callback_of_a_refused_message_may_wait_for_the_next_one() throws Exception {
        mayWrite.countDown();
        AtomicBoolean refuses = new AtomicBoolean(true);
        AsyncGroupCommit commits = new AsyncGroupCommit(
                new SyncGroupCommit(new GroupWriter() {
                    @Override
                    public List<EnqueueResult> write(List<NewMessage> messages) {
                        return writeOnce(messages);
                    }

                    @Override
                    public List<EnqueueResult> writeOnce(List<NewMessage> messages) {
                        if (refuses.getAndSet(false)) {
                            throw new InvalidMessageException("priority", "0 to 9", "10");
                        }
                        return held(messages);
                    }

                    @Override
                    public EnqueueResult writeAgain(NewMessage message, boolean mayBeStored) {
                        throw new AssertionError();
                    }
                })::write,
                message -> false,
                Runnable::run);
        CompletableFuture<Created> next = commits.add(message())
                .exceptionally(refused -> commits.add(message()).join());

        assertThat(next.get(30, TimeUnit.SECONDS).queues()).containsExactly("q");
        commits.close();
    }

    private GroupWriter heldWriter() {
        return new GroupWriter() {
            @Override
            public List<EnqueueResult> write(List<NewMessage> messages) {
                return held(messages);
            }

            @Override
            public List<EnqueueResult> writeOnce(List<NewMessage> messages) {
                return held(messages);
            }

            @Override
            public EnqueueResult writeAgain(NewMessage message, boolean mayBeStored) {
                throw new AssertionError();
            }
        };
    }

    private List<EnqueueResult> held(List<NewMessage> messages) {
        try {
            mayWrite.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        written.add(messages.stream()
                .mapToLong(message -> message.content().bytes())
                .sum());
        return messages.stream()
                .map(message -> new EnqueueResult(message.id(), true, true, 1, message.queues()))
                .toList();
    }

    private static NewMessage message() {
        Content content = new Content(Direction.OUTGOING, null, 0, MEGABYTE, null, null, null, null);
        return new NewMessage(MessageIds.next(), false, 1, "q", 4, content, null, null, null, null);
    }
}
