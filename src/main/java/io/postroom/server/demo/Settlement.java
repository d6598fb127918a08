package io.postroom.server.demo;

import io.postroom.api.BatchCompleted;
import io.postroom.api.Batches;
import io.postroom.api.CreateBatch;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import java.util.List;
import java.util.UUID;

/**
 * Settles accounts with the theatres when all orders are booked, as a batch: a message for each show sums its orders up, and the completion
 * message writes the total.
 */
final class Settlement {
    static final String QUEUE = "settlement";
    static final String TOTALS = "settlement.totals";

    private static final int CONCURRENCY = 2;

    private Settlement() {}

    /** One show to settle. */
    @MessageType("show.settlement")
    record Show(String show) {}

    /** Creates the batch with its members and seals it, in the caller's transaction. */
    static UUID create(Batches batches, QueueMessages queueMessages, List<String> shows) {
        UUID batch = batches.create(CreateBatch.named(QUEUE).onCompletion(CreateMessage.to(TOTALS)));
        queueMessages.createMessages(shows.stream()
                .map(show -> CreateMessage.to(QUEUE).payload(new Show(show)).batch(batch))
                .toList());
        batches.seal(batch);
        return batch;
    }

    static Handler ofShow() {
        return Handler.process(QUEUE, Show.class, (show, context) -> {
                    DemoBooks.settle(context.connection(), show.show());
                    return Outcome.done();
                })
                .id("demo-settlement")
                .concurrency(CONCURRENCY)
                .mode(HandlerMode.ATOMIC);
    }

    static Handler ofTotal() {
        return Handler.process(TOTALS, BatchCompleted.class, (end, context) -> {
                    DemoBooks.settleTotal(context.connection(), end);
                    return Outcome.done();
                })
                .id("demo-settlement-total")
                .concurrency(1)
                .mode(HandlerMode.ATOMIC);
    }
}
