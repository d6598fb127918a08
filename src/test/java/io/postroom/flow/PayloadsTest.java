package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.Proxy;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.springframework.aop.framework.ProxyFactory;
import tools.jackson.databind.JsonNode;

/** What a handler gets is what was created: values with all they say, and types also where a parent class names them. */
@PostgresTest
class PayloadsTest {
    private final HikariDataSource pool;
    private final List<Object> handled = new ArrayList<>();

    PayloadsTest(TestDatabase database) {
        pool = database.pool();
    }

    @MessageType("paid")
    record Paid(BigDecimal amount, OffsetDateTime at, ZonedDateTime due, Duration within) {}

    private static final Paid PAID = new Paid(
            new BigDecimal("12345678901234567.89"),
            OffsetDateTime.parse("2026-03-29T00:30+02:00"),
            ZonedDateTime.parse("2026-03-29T00:30+01:00[Europe/Berlin]"),
            Duration.ofMinutes(90));

    @Test
    void decimals_offsets_and_zones_are_kept() {
        assertThat(handle(Paid.class, PAID)).containsExactly(PAID);
    }

    @Test
    void decimals_are_kept_in_a_Map() {
        assertThat(handle(Map.class, Map.of("large", PAID.amount(), "small", new BigDecimal("1.10"))))
                .containsExactly(Map.of("large", PAID.amount(), "small", new BigDecimal("1.10")));
    }

    @Test
    void decimals_are_kept_in_a_JsonNode() {
        assertThat(handle(JsonNode.class, Map.of("large", PAID.amount(), "small", new BigDecimal("1.10"))))
                .extracting(Object::toString)
                .containsExactly("{\"large\":12345678901234567.89,\"small\":1.10}");
    }

    // ---- types of parents

    @MessageType("step")
    enum Step {
        PACKED,
        SENT {
            @Override
            boolean isLast() {
                return true;
            }
        };

        boolean isLast() {
            return false;
        }

        @Override
        public String toString() {
            return "a text for people";
        }
    }

    @Test
    void constant_of_an_enum_has_the_type_of_its_enum() {
        assertThat(handle(Step.class, Step.PACKED, Step.SENT)).containsExactly(Step.PACKED, Step.SENT);
    }

    @MessageType("order")
    static class Order {
        public String number = "";

        static Order of(String number) {
            Order order = new Order();
            order.number = number;
            return order;
        }
    }

    static class ExpressOrder extends Order {}

    @Test
    void subclass_and_anonymous_class_have_the_type_of_their_parent() {
        ExpressOrder express = new ExpressOrder();
        express.number = "1";
        Order anonymous = new Order() {};
        anonymous.number = "2";
        assertThat(handle(Order.class, express, anonymous))
                .extracting(order -> ((Order) order).number)
                .containsExactly("1", "2");
    }

    @MessageType("shape")
    @com.fasterxml.jackson.annotation.JsonTypeInfo(use = com.fasterxml.jackson.annotation.JsonTypeInfo.Id.NAME)
    sealed interface Shape {
        record Circle(int radius) implements Shape {}

        record Square(int side) implements Shape {}
    }

    @Test
    void record_of_a_sealed_interface_has_its_type_and_comes_as_itself() {
        assertThat(handle(Shape.class, new Shape.Circle(1), new Shape.Square(2)))
                .containsExactly(new Shape.Circle(1), new Shape.Square(2));
    }

    @MessageType("left")
    interface Left {}

    @MessageType("right")
    interface Right {}

    record Both() implements Left, Right {}

    @Test
    void class_with_two_types_that_are_equally_near_is_refused() {
        assertThatThrownBy(() -> handle(Map.class, new Both()))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining(Both.class.getName())
                .hasMessageContaining("left/1 and right/1")
                .hasMessageContaining("Put @MessageType on that class itself");
        assertThatThrownBy(() -> Handler.send("typed", Both.class, (both, context) -> Outcome.done()))
                .isInstanceOf(InvalidMessageException.class);
    }

    // ---- proxies and classes that cannot be read

    @Test
    void proxy_and_lambda_are_refused() {
        Order order = Order.of("3");
        ProxyFactory byClass = new ProxyFactory(order);
        byClass.setProxyTargetClass(true);
        Object byInterface = Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Left.class}, (proxy, method, arguments) -> null);
        Supplier<String> lambda = () -> "text";
        for (Object proxy : List.of(byClass.getProxy(), byInterface, lambda)) {
            assertThatThrownBy(() -> handle(Map.class, proxy))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("a proxy: ")
                    .hasMessageContaining("Copy what the message needs into a record");
        }
    }

    sealed interface Unmarked permits One, Two {}

    record One(int one) implements Unmarked {}

    record Two(int two) implements Unmarked {}

    record HasUnmarked(List<Unmarked> all) {}

    static class NoConstructor {
        NoConstructor(String first, int second) {}
    }

    @Test
    void class_that_cannot_be_read_is_refused_at_the_start() {
        for (Class<?> payload : List.of(Unmarked.class, HasUnmarked.class, Left.class, NoConstructor.class)) {
            assertThatThrownBy(() -> start(payload).close())
                    .hasMessageContaining("its payload class " + payload.getName() + " cannot be read: ")
                    .hasMessageContaining(payload == NoConstructor.class ? "Make it a record" : "Add @JsonTypeInfo");
        }
    }

    /** Creates messages with these payloads and returns what their handler got. */
    private List<Object> handle(Class<?> as, Object... payloads) {
        handled.clear();
        try (Postroom postroom = start(as)) {
            List<UUID> ids = new ArrayList<>();
            for (Object payload : payloads) {
                ids.add(postroom.queueMessages()
                        .createMessage(CreateMessage.to("typed").payload(payload))
                        .id());
            }
            PostroomKit.of(postroom).drain();
            assertThat(ids)
                    .allSatisfy(id -> assertThat(postroom.queueMessages()
                                    .find(id)
                                    .orElseThrow()
                                    .state())
                            .isEqualTo(MessageState.DONE));
        }
        return handled;
    }

    /** A second handler beside it, so that no message finds its handler only because the queue has no other. */
    private <T> Postroom start(Class<T> payload) {
        return Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("typed", payload, (one, context) -> {
                    handled.add(one);
                    return Outcome.done();
                }))
                .handler(Handler.send("typed", Other.class, (one, context) -> Outcome.done()))
                .start();
    }

    @MessageType("other")
    record Other() {}
}
