package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** With whom a message shares its commit. */
class GroupCommitsTest {
    private final CountDownLatch mayWrite = new CountDownLatch(1);
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicInteger alone = new AtomicInteger();

    /** A transaction of somebody else has the limited queue. */
    @Test
    void message_for_another_queue_is_in_no_group_with_those_for_a_limited_queue() throws Exception {
        GroupCommits commits =
                new GroupCommits(writer(), message -> message.queue().startsWith("limited"));
        CompletableFuture<List<EnqueueResult>> held =
                CompletableFuture.supplyAsync(() -> commits.write(message("limited")));
        await().until(() -> waiting.get() == 1);
        assertThat(commits.write(message("free"))).hasSize(1);
        CompletableFuture<List<EnqueueResult>> other =
                CompletableFuture.supplyAsync(() -> commits.write(message("limited.too")));
        await().until(() -> waiting.get() == 2);
        assertThat(held).isNotDone();
        assertThat(alone).as("written after a wait in a group").hasValue(0);
        mayWrite.countDown();
        held.get(30, TimeUnit.SECONDS);
        other.get(30, TimeUnit.SECONDS);
    }

    private GroupWriter writer() {
        return new GroupWriter() {
            @Override
            public List<EnqueueResult> write(List<NewMessage> messages) {
                return writeOnce(messages);
            }

            @Override
            public List<EnqueueResult> writeOnce(List<NewMessage> messages) {
                if (messages.stream().anyMatch(message -> message.queue().startsWith("limited"))) {
                    waiting.incrementAndGet();
                    await().until(() -> mayWrite.getCount() == 0);
                }
                return messages.stream().map(GroupCommitsTest::written).toList();
            }

            @Override
            public EnqueueResult writeAgain(NewMessage message, boolean mayBeStored) {
                alone.incrementAndGet();
                return written(message);
            }
        };
    }

    private static EnqueueResult written(NewMessage message) {
        return new EnqueueResult(message.id(), true, true, 1, message.queues());
    }

    private static List<NewMessage> message(String queue) {
        Content content = new Content(Direction.OUTGOING, null, 0, "1", null, null, null, null, null, null, null);
        return List.of(new NewMessage(MessageIds.next(), false, 1, queue, 4, content, null, null, null, null));
    }
}
