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
import org.jspecify.annotations.Nullable;

/** Makes the schema, and creates messages in the queues of {@link ConsumerProcess}, from this JVM. It consumes nothing. */
final class QueueFiller implements AutoCloseable {
    private static final int POOL = 4;
    private static final int BULK = 1_000;

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

    void limit(Limiter limiter) {
        postroom.limiters().set(limiter);
    }

    /** Creates messages in bulks of a thousand, one queue after the other in turn, so that a bulk meets as many queues as it can. */
    void spread(int messages, int fromQueue, int toQueue) {
        spread(messages, fromQueue, toQueue, BULK);
    }

    void spread(int messages, int fromQueue, int toQueue, int bulk) {
        String payload = Payloads.usual();
        List<CreateMessage> block = new ArrayList<>(bulk);
        for (int i = 0; i < messages; i++) {
            String queue = ConsumerProcess.queue(fromQueue + i % (toQueue - fromQueue));
            block.add(CreateMessage.to(queue).json("bench", 1, payload));
            if (block.size() == bulk || i == messages - 1) {
                postroom.queueMessages().createMessages(block);
                block = new ArrayList<>(bulk);
            }
        }
    }

    UUID batch() {
        return postroom.batches().create(CreateBatch.named("bench"));
    }

    /** Creates messages in bulks of a thousand in the first queue; those of a batch seal it at the end. */
    void fill(int messages, @Nullable UUID batch) {
        String payload = Payloads.usual();
        for (int from = 0; from < messages; from += BULK) {
            List<CreateMessage> block = new ArrayList<>(BULK);
            for (int i = from; i < Math.min(from + BULK, messages); i++) {
                CreateMessage message =
                        CreateMessage.to(ConsumerProcess.queue(0)).json("bench", 1, payload);
                block.add(batch == null ? message : message.batch(batch));
            }
            postroom.queueMessages().createMessages(block);
        }
        if (batch != null) {
            postroom.batches().seal(batch);
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
