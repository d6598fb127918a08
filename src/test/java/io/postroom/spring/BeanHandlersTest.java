package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Direction;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.MessageContext;
import io.postroom.handler.ProcessingMessage;
import io.postroom.handler.ProcessingMessageHandler;
import io.postroom.handler.SendMessage;
import io.postroom.handler.SendMessageHandler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.aop.support.AopUtils;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.context.annotation.Scope;
import org.springframework.context.annotation.ScopedProxyMode;
import org.springframework.core.annotation.AliasFor;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import tools.jackson.databind.JsonNode;

/** Every way to write a handler. Workers are off: {@code drain} runs the handlers on the test's thread. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BeanHandlersTest {
    private static final Queue<Object> HANDLED = new ConcurrentLinkedQueue<>();

    private final TestDatabase database;
    private Host.Running host;

    BeanHandlersTest(TestDatabase database) {
        this.database = database;
    }

    @BeforeAll
    void start() {
        host = Host.on(database)
                .with(Payloads.class, Returns.class, Annotated.class, Processing.class, TransactionalHandlers.class)
                .with(WithInterface.class, LazyHandlers.class, Refreshed.class, Policies.class, Configured.class)
                .with(PackagePrivate.class, Orders.class, TransactionalClass.class)
                .with(Overloads.class, OrderListener.class, InheritingListener.class)
                .with("postroom.workers.enabled", false)
                .with("spring.aop.proxy-target-class", false)
                .with("shop.queue", "from-placeholder")
                .with("shop.limit", "7s")
                .start();
    }

    @AfterAll
    void stop() {
        host.close();
    }

    @BeforeEach
    void forget() {
        HANDLED.clear();
    }

    // ---- payloads

    @MessageType(value = "order", version = 2)
    record Order(String number) {}

    record Plain(String text) {}

    static class Payloads {
        @SendMessage("payload.typed")
        void typed(Order order) {
            HANDLED.add(order);
        }

        @SendMessage("payload.plain")
        void plain(Plain plain) {
            HANDLED.add(plain);
        }

        @SendMessage("payload.text")
        void text(String json) {
            HANDLED.add(json);
        }

        @SendMessage("payload.bytes")
        void bytes(byte[] bytes) {
            HANDLED.add(bytes.length);
        }

        @SendMessage("payload.map")
        void map(Map<String, Object> map) {
            HANDLED.add(map);
        }

        @SendMessage("payload.tree")
        void tree(JsonNode tree) {
            HANDLED.add(tree.path("number").asString());
        }

        @SendMessage("payload.context")
        void context(MessageContext context, Order order) {
            HANDLED.add(context.id());
            HANDLED.add(context.correlationId().orElseThrow());
        }

        @SendMessage(value = "payload.batch", batch = 10)
        void batch(List<Order> orders, List<MessageContext> contexts) {
            HANDLED.add(orders.stream().map(Order::number).toList());
            HANDLED.add(contexts.size());
        }
    }

    @Test
    void a_payload_is_taken_by_the_type_of_its_parameter() {
        handle("payload.typed", new Order("1"));
        handle("payload.plain", new Plain("2"));
        handle("payload.text", new Plain("3"));
        handle("payload.bytes", new byte[4]);
        handle("payload.map", new Order("5"));
        handle("payload.tree", new Order("6"));

        assertThat(HANDLED)
                .containsExactly(new Order("1"), new Plain("2"), "{\"text\": \"3\"}", 4, Map.of("number", "5"), "6");
    }

    @Test
    void the_context_may_stand_anywhere() {
        Created created = handle(
                CreateMessage.to("payload.context").payload(new Order("1")).correlationId("c-1"));

        assertThat(HANDLED).containsExactly(created.id(), "c-1");
    }

    @Test
    void a_batch_handler_takes_lists_in_the_same_order() {
        host.queueMessages()
                .createMessages(List.of(
                        CreateMessage.to("payload.batch").payload(new Order("1")),
                        CreateMessage.to("payload.batch").payload(new Order("2")),
                        CreateMessage.to("payload.batch").payload(new Order("3"))));

        host.kit().drain("payload.batch");

        assertThat(HANDLED).containsExactly(List.of("1", "2", "3"), 3);
    }

    // ---- answers

    static class Returns {
        @SendMessage("answer.outcome")
        Outcome outcome(String json) {
            return Outcome.reject("because");
        }

        @SendMessage(value = "answer.each", batch = 5)
        List<Outcome> each(List<String> json) {
            List<Outcome> outcomes = new ArrayList<>(Collections.nCopies(json.size(), Outcome.done()));
            outcomes.set(0, Outcome.reject("the first"));
            return outcomes;
        }

        @SendMessage(value = "answer.all", batch = 5)
        Outcome all(List<String> json) {
            return Outcome.reject("all");
        }

        @SendMessage(value = "answer.throws", attempts = 1)
        void throwing(String json) throws IOException {
            throw new IOException("the disk is full");
        }

        @SendMessage(value = "answer.null", attempts = 1)
        Outcome nothing(String json) {
            return null;
        }
    }

    @Test
    void an_outcome_is_the_answer() {
        assertThat(errorOf(handle("answer.outcome", "x", MessageState.DEAD))).contains("because");
    }

    @Test
    void a_batch_answers_for_each_or_for_all() {
        List<Created> each = host.queueMessages()
                .createMessages(List.of(
                        CreateMessage.to("answer.each").payload("1"),
                        CreateMessage.to("answer.each").payload("2")));
        List<Created> all = host.queueMessages()
                .createMessages(List.of(
                        CreateMessage.to("answer.all").payload("1"),
                        CreateMessage.to("answer.all").payload("2")));

        host.kit().drain("answer.each", "answer.all");

        host.await(each.get(0), MessageState.DEAD);
        host.await(each.get(1), MessageState.DONE);
        host.await(all.get(0), MessageState.DEAD);
        host.await(all.get(1), MessageState.DEAD);
    }

    @Test
    void what_a_method_throws_is_the_error_not_the_reflection_around_it() {
        assertThat(errorOf(handle("answer.throws", "x", MessageState.DEAD)))
                .contains("the disk is full")
                .doesNotContain("InvocationTarget");
    }

    @Test
    void null_instead_of_an_outcome_is_a_failure_that_says_so() {
        assertThat(errorOf(handle("answer.null", "x", MessageState.DEAD))).contains("answered null");
    }

    // ---- kinds of beans

    @SendMessage("class.send")
    static class Annotated implements SendMessageHandler<Order> {
        @Override
        public Outcome send(Order order, MessageContext context) {
            HANDLED.add("class " + order.number());
            return Outcome.done();
        }
    }

    @ProcessingMessage(value = "class.process", id = "processing-class")
    static class Processing implements ProcessingMessageHandler<Order> {
        @Override
        public Outcome process(Order order, MessageContext context) {
            HANDLED.add("processing class " + order.number());
            return Outcome.done();
        }
    }

    @Test
    void a_class_with_the_annotation_is_a_handler_by_its_interface() {
        handle("class.send", new Order("1"));
        handle("class.process", new Order("2"));

        assertThat(HANDLED).containsExactly("class 1", "processing class 2");
        assertThat(handler("processing-class").direction()).isEqualTo(Direction.INCOMING);
        assertThat(handler("beanHandlersTest.Annotated").direction()).isEqualTo(Direction.OUTGOING);
    }

    static class TransactionalHandlers {
        @SendMessage("proxy.cglib")
        @Transactional
        public void send(Order order) {
            HANDLED.add(TransactionSynchronizationManager.isActualTransactionActive());
        }
    }

    interface Shipping {
        @SendMessage("proxy.interface")
        void ship(Order order);

        void label(Order order);
    }

    static class WithInterface implements Shipping {
        @Override
        @Transactional
        public void ship(Order order) {
            HANDLED.add(TransactionSynchronizationManager.isActualTransactionActive());
        }

        @Override
        @Transactional
        @SendMessage("proxy.class-with-interface")
        public void label(Order order) {
            HANDLED.add(TransactionSynchronizationManager.isActualTransactionActive());
        }
    }

    @SendMessage("proxy.class")
    static class TransactionalClass implements SendMessageHandler<Order> {
        @Override
        @Transactional
        public Outcome send(Order order, MessageContext context) {
            HANDLED.add(TransactionSynchronizationManager.isActualTransactionActive());
            return Outcome.done();
        }
    }

    @Test
    void a_transactional_bean_is_called_through_its_proxy() {
        assertThat(AopUtils.isCglibProxy(host.bean(TransactionalHandlers.class)))
                .isTrue();
        assertThat(AopUtils.isJdkDynamicProxy(host.bean(Shipping.class))).isTrue();
        handle("proxy.cglib", new Order("1"));
        handle("proxy.interface", new Order("2"));
        handle("proxy.class-with-interface", new Order("3"));
        handle("proxy.class", new Order("4"));

        assertThat(HANDLED).containsExactly(true, true, true, true);
    }

    interface Listener<T, R> {
        R on(T event);

        void on(T event, MessageContext context);
    }

    static class OrderListener implements Listener<Order, Outcome> {
        @Override
        @Transactional
        @SendMessage("proxy.generic")
        public Outcome on(Order order) {
            HANDLED.add(TransactionSynchronizationManager.isActualTransactionActive());
            return Outcome.reject("because");
        }

        @Override
        @SendMessage("proxy.generic-context")
        public void on(Order order, MessageContext context) {
            HANDLED.add(order.number());
        }

        public void on(String unrelated) {}
    }

    abstract static class BaseListener<T> implements Listener<T, Outcome> {
        @Override
        @Transactional
        @SendMessage("proxy.inherited")
        public Outcome on(T event) {
            HANDLED.add(event);
            return Outcome.done();
        }

        @Override
        public void on(T event, MessageContext context) {}
    }

    static class InheritingListener extends BaseListener<Order> {}

    @Test
    void a_generic_interface_is_followed_to_the_method_behind_a_JDK_proxy() {
        handle(CreateMessage.to("proxy.generic").payload(new Order("1")), MessageState.DEAD);
        handle("proxy.generic-context", new Order("2"));
        handle("proxy.inherited", new Order("3"));

        assertThat(HANDLED).containsExactly(true, "2", new Order("3"));
    }

    static class Overloads {
        @SendMessage("overloads")
        void on(Order order) {
            HANDLED.add(order);
        }

        @SendMessage("overloads")
        void on(Plain plain, MessageContext context) {
            HANDLED.add(plain);
        }

        @SendMessage("overloads.same")
        void same(Order order) {}

        @ProcessingMessage("overloads.same-list")
        void same(List<Order> orders) {}

        @ProcessingMessage("overloads.same-bytes")
        void same(byte[] bytes) {}
    }

    @Test
    void overloads_have_ids_of_their_own() {
        handle("overloads", new Order("1"));
        handle("overloads", new Plain("2"));

        assertThat(HANDLED).containsExactly(new Order("1"), new Plain("2"));
        String bean = "beanHandlersTest.Overloads.";
        assertThat(handler(bean + "on.Order").type()).isPresent();
        assertThat(handler(bean + "on.Plain").type()).isEmpty();
        assertThat(handler(bean + "same.Order").queue()).isEqualTo("overloads.same");
        assertThat(handler(bean + "same.List.Order").queue()).isEqualTo("overloads.same-list");
        assertThat(handler(bean + "same.bytes").queue()).isEqualTo("overloads.same-bytes");
    }

    @Lazy
    static class LazyHandlers {
        @SendMessage("lazy")
        void send(Order order) {
            HANDLED.add("lazy");
        }
    }

    @Scope(value = "prototype", proxyMode = ScopedProxyMode.TARGET_CLASS)
    static class Refreshed {
        @SendMessage("scoped")
        void send(Order order) {
            HANDLED.add("scoped");
        }
    }

    static class PackagePrivate {
        private final String field = "set";

        @SendMessage("package-private")
        @Transactional
        void send(Order order) {
            HANDLED.add(field);
        }
    }

    @Test
    void lazy_and_scoped_proxied_beans_and_methods_that_are_not_public_work() {
        handle("lazy", new Order("1"));
        handle("scoped", new Order("2"));
        handle("package-private", new Order("3"));

        assertThat(HANDLED).containsExactly("lazy", "scoped", "set");
    }

    @Configuration(proxyBeanMethods = false)
    static class Configured {
        @Bean
        Handler shop() {
            return Handler.send("bean.handler", Order.class, (order, context) -> {
                        HANDLED.add("handler bean");
                        return Outcome.done();
                    })
                    .id("shop");
        }
    }

    @Test
    void a_bean_of_type_Handler_is_one() {
        handle("bean.handler", new Order("1"));

        assertThat(HANDLED).containsExactly("handler bean");
    }

    // ---- what attributes may say

    @Target(ElementType.METHOD)
    @Retention(RetentionPolicy.RUNTIME)
    @SendMessage(value = "", attempts = 4)
    @interface ShopMessage {
        @AliasFor(annotation = SendMessage.class, attribute = "value")
        String queue();
    }

    static class Orders {
        @SendMessage(
                value = "${shop.queue}",
                id = "${shop.queue}.handler",
                timeLimit = "${shop.limit}",
                retryAfter = {"${shop.limit}", "1m"})
        void placeholders(String json) {
            HANDLED.add("placeholder");
        }

        @ShopMessage(queue = "composed")
        void composed(String json) {
            HANDLED.add("composed");
        }

        @SendMessage(value = "policy", retryAfter = "patient")
        void patient(String json) {
            throw new IllegalStateException("again");
        }

        @SendMessage(value = "on-error", onError = "rejecting")
        void onError(String json) {
            throw new IllegalStateException("again");
        }

        @SendMessage(value = "on-error.default", attempts = 1)
        void withoutOnError(String json) {
            throw new IllegalStateException("again");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Policies {
        @Bean
        RetryPolicy patient() {
            return RetryPolicy.fixed(2, java.time.Duration.ofHours(1));
        }

        @Bean
        HandlingErrorSend rejecting() {
            return (error, context) -> Outcome.reject("rejecting said so");
        }

        @Bean
        HandlingErrorSend other() {
            return (error, context) -> Outcome.reject("other said so");
        }
    }

    @Test
    void placeholders_are_resolved() {
        handle("from-placeholder", "x");

        assertThat(HANDLED).containsExactly("placeholder");
        Handler handler = handler("from-placeholder.handler");
        assertThat(handler.timeLimit()).hasSeconds(7);
        assertThat(handler.retry().describe()).isEqualTo("7s, 1m");
    }

    @Test
    void an_annotation_of_ones_own_works() {
        handle("composed", "x");

        assertThat(HANDLED).containsExactly("composed");
        assertThat(handler("beanHandlersTest.Orders.composed").retry().attempts())
                .isEqualTo(4);
    }

    @Test
    void retryAfter_may_name_a_policy_bean() {
        handle("policy", "x", MessageState.DELAYED);

        RetryPolicy policy = handler("beanHandlersTest.Orders.patient").retry();
        assertThat(policy.attempts()).isEqualTo(2);
        assertThat(policy.describe()).isEqualTo("1h");
    }

    @Test
    void onError_names_a_bean_and_of_several_beans_none_is_taken_unasked() {
        assertThat(errorOf(handle("on-error", "x", MessageState.DEAD))).contains("again");
        assertThat(host.queueMessages()
                        .history(handle("on-error", "x", MessageState.DEAD).id())
                        .get(0)
                        .outcome())
                .isEqualTo("reject");
        assertThat(host.queueMessages()
                        .history(handle("on-error.default", "x", MessageState.DEAD)
                                .id())
                        .get(0)
                        .outcome())
                .isEqualTo("failed");
    }

    // ---- help

    private Created handle(String queue, Object payload) {
        return handle(CreateMessage.to(queue).payload(payload));
    }

    private Created handle(CreateMessage message) {
        return handle(message, MessageState.DONE);
    }

    private Created handle(String queue, Object payload, MessageState end) {
        return handle(CreateMessage.to(queue).payload(payload), end);
    }

    private Created handle(CreateMessage message, MessageState end) {
        Created created = host.queueMessages().createMessage(message);
        host.kit().drain(message.queue());
        host.await(created, end);
        return created;
    }

    private String errorOf(Created created) {
        return host.queueMessages().history(created.id()).get(0).error().orElse("");
    }

    private Handler handler(String id) {
        return host.bean(PostroomLifecycle.class).handlers().stream()
                .filter(handler -> handler.id().equals(id))
                .findFirst()
                .orElseThrow();
    }
}
