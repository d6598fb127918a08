package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.BatchState;
import io.postroom.api.CreateBatch;
import io.postroom.api.CreateMessage;
import io.postroom.api.Limiter;
import io.postroom.api.QueueSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** Makes the schema, and creates messages in the queues of {@link ConsumerProcess}, from this JVM. It consumes nothing. */
final class QueueFiller implements AutoCloseable {
    private static final int POOL = 4;
    private static final int BULK = 1_000;

    private final String payload = Payloads.usual();
    private final HikariDataSource pool;
    private final Postroom postroom;

    QueueFiller(BenchDatabase database) {
        pool = database.pool(POOL);
        try {
            postroom = Postroom.on(pool).workers(false).start();
        } catch (RuntimeException failed) {
            pool.close();
            throw failed;
        }
    }

    /** Declares a queue, for messages that come before the first consumer. */
    void declare(int from, int to) {
        for (int i = from; i < to; i++) {
            postroom.queues().declare(QueueSettings.of(ConsumerProcess.queue(i)));
        }
    }

    /** Declares the first queue as a fair one. */
    void declareFair() {
        postroom.queues().declare(QueueSettings.of(ConsumerProcess.queue(0)).fair(true));
    }

    /** Creates messages in bulks of a thousand in the first queue, one group after the other in turn. */
    void spreadGroups(int messages, int groups) {
        create(messages, BULK, i -> usual(0).group("group-" + i % groups));
    }

    void limit(Limiter limiter) {
        postroom.limiters().set(limiter);
    }

    /** Creates messages in bulks of a thousand, one queue after the other in turn, so that a bulk meets as many queues as it can. */
    void spread(int messages, int fromQueue, int toQueue) {
        spread(messages, fromQueue, toQueue, BULK);
    }

    void spread(int messages, int fromQueue, int toQueue, int bulk) {
        create(messages, bulk, i -> usual(fromQueue + i % (toQueue - fromQueue)));
    }

    UUID batch() {
        return postroom.batches().create(CreateBatch.named("bench"));
    }

    /** Creates messages in bulks of a thousand in the first queue; those of a batch seal it at the end. */
    void fill(int messages, @Nullable UUID batch) {
        create(messages, BULK, i -> batch == null ? usual(0) : usual(0).batch(batch));
        if (batch != null) {
            postroom.batches().seal(batch);
        }
    }

    /** Creates messages in bulks of a thousand in a queue of that name. */
    void fill(String queue, int messages) {
        create(messages, BULK, i -> CreateMessage.to(queue).json("bench", 1, payload));
    }

    private CreateMessage usual(int queue) {
        return CreateMessage.to(ConsumerProcess.queue(queue)).json("bench", 1, payload);
    }

    /** Creates so many messages, in bulks; the last one may be smaller. */
    private void create(int messages, int bulk, IntFunction<CreateMessage> nth) {
        List<CreateMessage> block = new ArrayList<>(bulk);
        for (int i = 0; i < messages; i++) {
            block.add(nth.apply(i));
            if (block.size() == bulk || i == messages - 1) {
                postroom.queueMessages().createMessages(block);
                block = new ArrayList<>(bulk);
            }
        }
    }

    boolean isCompleted(UUID batch) {
        return postroom.batches().find(batch).orElseThrow().state() == BatchState.COMPLETED;
    }

    @Override
    public void close() {
        postroom.close();
        pool.close();
    }
}
