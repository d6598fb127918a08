package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.Queues;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import jakarta.annotation.PostConstruct;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import tools.jackson.databind.node.ObjectNode;

/** What properties and beans of a host change. */
@PostgresTest
class StarterOptionsTest {
    private final TestDatabase database;

    StarterOptionsTest(TestDatabase database) {
        this.database = database;
    }

    @MessageType("order.placed")
    record OrderPlaced(String orderNumber) {}

    static class Orders {
        final Queue<OrderPlaced> handled = new ConcurrentLinkedQueue<>();

        @ProcessingMessage(value = "options", attempts = 1)
        void work(OrderPlaced order) {
            handled.add(order);
            if (order.orderNumber().equals("bad")) {
                throw new IllegalStateException("bad order");
            }
        }
    }

    @Test
    void queue_of_the_properties_is_declared_at_the_start() {
        try (Host.Running host = Host.on(database)
                .with(Orders.class)
                .with("postroom.declare-on-use", false)
                .with("postroom.queues.by.property.time-to-live", "2d")
                .start()) {
            Created created = host.queueMessages()
                    .createMessage(CreateMessage.to("by.property").json("1"));

            assertThat(host.queueMessages().find(created.id()).orElseThrow().state())
                    .isEqualTo(MessageState.READY);
        }
    }

    @Test
    void with_workers_off_messages_are_created_and_wait() {
        try (Host.Running host = Host.on(database)
                .with(Orders.class)
                .with("postroom.workers.enabled", false)
                .start()) {
            Created created = create(host, "waits");

            assertThat(host.queueMessages().find(created.id()).orElseThrow().state())
                    .isEqualTo(MessageState.READY);
            assertThat(host.kit().drain("options")).isEqualTo(1);
            host.await(created, MessageState.DONE);
        }
    }

    @Test
    void with_lazy_initialization_the_workers_still_start() {
        try (Host.Running host = Host.on(database)
                .with(Orders.class)
                .with("spring.main.lazy-initialization", true)
                .start()) {
            host.await(create(host, "lazy"), MessageState.DONE);
        }
    }

    @Test
    void the_process_has_the_name_it_was_given_and_unknown_queues_are_errors_if_wanted() {
        try (Host.Running host = Host.on(database)
                .with(Orders.class)
                .with("postroom.name", "shop-7")
                .with("postroom.declare-on-use", false)
                .start()) {
            host.await(create(host, "known"), MessageState.DONE);
            assertThat(host.jdbc()
                            .sql("SELECT name FROM postroom.worker WHERE stopped_at IS NULL")
                            .query(String.class)
                            .list())
                    .contains("shop-7");
            assertThatThrownBy(() -> host.queueMessages().createMessage("unknown", "x"))
                    .isInstanceOf(QueueNotFoundException.class);
        }
    }

    @Test
    void queues_that_are_beans_are_declared_before_the_handlers_and_strictly_if_wanted() {
        try (Host.Running host = Host.on(database)
                .with(Orders.class, DeclaredQueues.class)
                .with("postroom.strict-declarations", true)
                .start()) {
            assertThat(host.jdbc()
                            .sql("SELECT kind FROM postroom.queue_stats WHERE queue = 'declared.by-bean'")
                            .query(String.class)
                            .single())
                    .isEqualTo("auto_delete");
            Queues queues = host.bean(Queues.class);
            queues.declare(QueueSettings.of("declared.by-bean").attempts(7));
            assertThatThrownBy(() ->
                            queues.declare(QueueSettings.of("declared.by-bean").attempts(8)))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("attempts must be 7");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class DeclaredQueues {
        @Bean
        QueueSettings declared() {
            return QueueSettings.of("declared.by-bean")
                    .kind(QueueKind.AUTO_DELETE)
                    .attempts(7);
        }
    }

    /** All of them need the registry that would have to wait for them. */
    static class Escalation implements PostroomListener, HandlingErrorSend {
        private final QueueMessages messages;
        private final List<MessageEvent> events = new CopyOnWriteArrayList<>();

        Escalation(QueueMessages messages) {
            this.messages = messages;
        }

        @Override
        public void onEvent(MessageEvent event) {
            events.add(event);
            throw new IllegalStateException("its own fault");
        }

        @Override
        public Outcome handle(Exception error, MessageContext context) {
            messages.createMessage(CreateMessage.to("escalated")
                    .payload("x")
                    .correlationId(context.id().toString()));
            return Outcome.reject("escalated");
        }
    }

    static class SecondListener implements PostroomListener {
        final List<MessageEvent> events = new CopyOnWriteArrayList<>();

        @Override
        public void onEvent(MessageEvent event) {
            events.add(event);
        }
    }

    @Test
    void listeners_and_error_handlers_may_create_messages() {
        try (Host.Running host = Host.on(database)
                .with(Orders.class, Escalation.class, SecondListener.class)
                .start()) {
            Created created = create(host, "bad");

            host.await(created, MessageState.DEAD);

            assertThat(host.jdbc()
                            .sql("SELECT count(*) FROM postroom.message WHERE correlation_id = ?")
                            .param(created.id().toString())
                            .query(Integer.class)
                            .single())
                    .isOne();
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(host.bean(SecondListener.class).events)
                            .as("one listener's fault is not the next one's")
                            .extracting(MessageEvent::id)
                            .contains(created.id()));
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Interceptors {
        static final List<String> ORDER = new CopyOnWriteArrayList<>();

        @Bean
        @Order(2)
        MessageInterceptor inner() {
            return interceptor("inner");
        }

        @Bean
        @Order(1)
        MessageInterceptor outer() {
            return interceptor("outer");
        }

        private static MessageInterceptor interceptor(String name) {
            return new MessageInterceptor() {
                @Override
                public CreateMessage beforeCreate(CreateMessage message) {
                    ORDER.add(name + " create");
                    return message.header("from", name);
                }

                @Override
                public Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
                    ORDER.add(name + " handle");
                    return next.call();
                }
            };
        }
    }

    @Test
    void interceptors_apply_in_the_order_of_their_beans() {
        Interceptors.ORDER.clear();
        try (Host.Running host = Host.on(database)
                .with(Orders.class, Interceptors.class)
                .with("postroom.workers.enabled", false)
                .start()) {
            create(host, "intercepted");
            host.kit().drain("options");

            assertThat(Interceptors.ORDER)
                    .containsExactly("outer create", "inner create", "outer handle", "inner handle");
        }
    }

    @Test
    void json_settings_that_a_host_changes_do_not_change_its_stored_payloads() {
        Created before;
        try (Host.Running host =
                Host.on(database).with("postroom.workers.enabled", false).start()) {
            before = create(host, "before");
        }
        try (Host.Running host = Host.on(database)
                .with(Orders.class)
                .with("spring.jackson.property-naming-strategy", "SNAKE_CASE")
                .start()) {
            Created after = create(host, "after");

            host.await(before, MessageState.DONE);
            host.await(after, MessageState.DONE);
            assertThat(host.bean(Orders.class).handled)
                    .containsExactlyInAnyOrder(new OrderPlaced("before"), new OrderPlaced("after"));
            assertThat(host.queueMessages().find(after.id()).orElseThrow().payload())
                    .contains("orderNumber");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Codec {
        @Bean
        PayloadCodec shouting() {
            return new PayloadCodec() {
                @Override
                public byte[] write(Object payload) {
                    return "\"SHOUTED\"".getBytes(StandardCharsets.UTF_8);
                }

                @Override
                public <T> T read(byte[] stored, Class<T> type) {
                    return type.cast(new OrderPlaced("read by the host's codec"));
                }
            };
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Upcaster {
        @Bean
        PayloadUpcaster renamed() {
            return PayloadUpcaster.of(
                    "order.shipped",
                    1,
                    json -> ((ObjectNode) json)
                            .put("orderNumber", json.get("number").asString()));
        }
    }

    @MessageType(value = "order.shipped", version = 2)
    record OrderShipped(String orderNumber) {}

    static class Shipments {
        final Queue<OrderShipped> handled = new ConcurrentLinkedQueue<>();

        @ProcessingMessage("shipped")
        void work(OrderShipped order) {
            handled.add(order);
        }
    }

    @Test
    void upcaster_bean_brings_older_messages_up_to_the_handlers_version() {
        try (Host.Running host =
                Host.on(database).with(Shipments.class, Upcaster.class).start()) {
            Created created = host.queueMessages()
                    .createMessage(CreateMessage.to("shipped").json("order.shipped", 1, "{\"number\":\"7\"}"));

            host.await(created, MessageState.DONE);
            assertThat(host.bean(Shipments.class).handled).containsExactly(new OrderShipped("7"));
        }
    }

    @MessageType("payment")
    sealed interface Payment permits Card {}

    record Card(String number) implements Payment {}

    static class Payments {
        @ProcessingMessage("payments")
        void work(Payment payment) {}
    }

    @Test
    void handler_of_a_sealed_interface_that_cannot_be_read_stops_the_start() {
        assertThatThrownBy(() -> Host.on(database).with(Payments.class).start().close())
                .rootCause()
                .hasMessageContaining(Payment.class.getName() + " is sealed")
                .hasMessageContaining("Add @JsonTypeInfo");
    }

    @Test
    void a_hosts_codec_wins() {
        try (Host.Running host =
                Host.on(database).with(Orders.class, Codec.class).start()) {
            host.await(create(host, "loud"), MessageState.DONE);

            assertThat(host.bean(Orders.class).handled).containsExactly(new OrderPlaced("read by the host's codec"));
        }
    }

    static class EarlySender {
        private final QueueMessages messages;
        private Created created;

        EarlySender(QueueMessages messages) {
            this.messages = messages;
        }

        @PostConstruct
        void send() {
            created = messages.createMessage("options", new OrderPlaced("early"));
        }
    }

    @Test
    void messages_can_be_created_while_the_context_is_still_being_made() {
        try (Host.Running host =
                Host.on(database).with(EarlySender.class, Orders.class).start()) {
            host.await(host.bean(EarlySender.class).created, MessageState.DONE);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class OwnPostroom {
        @Bean(destroyMethod = "close")
        Postroom hosts(DataSource dataSource) {
            return Postroom.on(dataSource).workers(false).start();
        }
    }

    @Test
    void a_hosts_own_Postroom_takes_the_place_of_ours() {
        try (Host.Running host = Host.on(database).with(OwnPostroom.class).start()) {
            assertThat(host.context().getBeanNamesForType(Postroom.class)).containsExactly("hosts");
            assertThat(host.queueMessages()).isSameAs(host.bean(Postroom.class).queueMessages());
        }
    }

    private static Created create(Host.Running host, String number) {
        return host.queueMessages().createMessage("options", new OrderPlaced(number));
    }
}
