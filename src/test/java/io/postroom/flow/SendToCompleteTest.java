package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.MessageContext;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

@PostgresTest
class SendToCompleteTest {
    @MessageType(value = "order.placed", version = 2)
    record OrderPlaced(String order, int amount) {}

    private final TestDatabase database;

    SendToCompleteTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void a_created_message_is_handled_and_done_with_its_history() {
        Queue<OrderPlaced> handled = new ConcurrentLinkedQueue<>();
        Queue<MessageContext> contexts = new ConcurrentLinkedQueue<>();
        Handler handler = Handler.send("orders", OrderPlaced.class, (order, context) -> {
            handled.add(order);
            contexts.add(context);
            return Outcome.done();
        });
        try (Postroom postroom = Postroom.on(database.pool()).handler(handler).start()) {
            Created created = postroom.queueMessages()
                    .createMessage(CreateMessage.to("orders")
                            .payload(new OrderPlaced("A-1", 42))
                            .correlationId("checkout-7")
                            .header("customer", "Ann <ann@example.org>"));

            Message done = PostroomKit.of(postroom).await(created.id(), MessageState.DONE);

            assertThat(handled).containsExactly(new OrderPlaced("A-1", 42));
            assertThat(contexts.element().type()).isEqualTo("order.placed");
            assertThat(contexts.element().version()).isEqualTo(2);
            assertThat(contexts.element().headers()).isEqualTo(Map.of("customer", "Ann <ann@example.org>"));
            assertThat(contexts.element().correlationId()).contains("checkout-7");
            assertThat(done.entries().get(0).deliveries()).isEqualTo(1);
            List<Attempt> history = postroom.queueMessages().history(created.id());
            assertThat(history).extracting(Attempt::outcome).containsExactly("done");
            assertThat(history.get(0).startedAt())
                    .isBeforeOrEqualTo(history.get(0).finishedAt());
        }
    }

    @Test
    void ten_thousand_messages_are_each_handled_once() {
        ConcurrentMap<String, AtomicInteger> handled = new ConcurrentHashMap<>();
        Handler handler = Handler.send("many", String.class, (order, context) -> {
                    handled.computeIfAbsent(order, unused -> new AtomicInteger())
                            .incrementAndGet();
                    return Outcome.done();
                })
                .concurrency(8);
        Set<UUID> done = ConcurrentHashMap.newKeySet();
        try (Postroom postroom = Postroom.on(database.pool())
                .handler(handler)
                .listener(event -> done.add(event.id()))
                .start()) {
            Set<UUID> ids = new HashSet<>();
            for (int batch = 0; batch < 10; batch++) {
                List<CreateMessage> messages = new ArrayList<>();
                for (int i = 0; i < 1000; i++) {
                    messages.add(CreateMessage.to("many").json("number", 1, String.valueOf(batch * 1000 + i)));
                }
                postroom.queueMessages().createMessages(messages).forEach(created -> ids.add(created.id()));
            }
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> done.size() == 10_000);
            assertThat(done).isEqualTo(ids);
            assertThat(handled).hasSize(10_000);
            assertThat(handled.values()).allMatch(count -> count.get() == 1);
        }
    }
}
