package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.JacksonPayloadCodec;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class HandlerRegistryTest {
    private static final JacksonPayloadCodec CODEC = new JacksonPayloadCodec();
    private final Handler tickets = handler("q", Ticket.class);
    private final Handler orders = handler("q", Order.class);
    private final Handler untyped = handler("q", Untyped.class);
    private final Handler any = handler("q", Map.class);

    @Test
    void handler_takes_its_types_versions_up_to_its_own() {
        HandlerRegistry registry = new HandlerRegistry(CODEC, List.of(tickets, orders));
        assertThat(registry.find("q", "ticket", 1)).contains(tickets);
        assertThat(registry.find("q", "ticket", 2)).contains(tickets);
        assertThat(registry.find("q", "ticket", 3)).isEmpty();
        assertThat(registry.find("q", "order", 1)).contains(orders);
        assertThat(registry.find("other", "ticket", 1)).isEmpty();
    }

    @Test
    void message_goes_to_the_lowest_version_that_takes_it() {
        Handler older = handler("q", Older.class);
        HandlerRegistry registry = new HandlerRegistry(CODEC, List.of(tickets, older));
        assertThat(registry.find("q", "ticket", 1)).contains(older);
        assertThat(registry.find("q", "ticket", 2)).contains(tickets);
        assertThat(registry.find("q", "ticket", 3)).isEmpty();
    }

    @Test
    void message_without_a_type_goes_to_the_only_handler_or_to_the_one_without_a_type() {
        assertThat(new HandlerRegistry(CODEC, List.of(tickets)).find("q", null, 0))
                .contains(tickets);
        assertThat(new HandlerRegistry(CODEC, List.of(tickets, orders)).find("q", null, 0))
                .isEmpty();
        assertThat(new HandlerRegistry(CODEC, List.of(tickets, untyped)).find("q", null, 0))
                .contains(untyped);
    }

    @Test
    void type_that_no_handler_names_goes_to_the_one_that_takes_any() {
        HandlerRegistry registry = new HandlerRegistry(CODEC, List.of(any, tickets));
        assertThat(registry.find("q", "ticket", 2)).contains(tickets);
        assertThat(registry.find("q", "ticket", 3)).contains(any);
        assertThat(registry.find("q", "stranger", 1)).contains(any);
        assertThat(new HandlerRegistry(CODEC, List.of(untyped)).find("q", "stranger", 1))
                .isEmpty();
    }

    @Test
    void two_handlers_for_the_same_messages_or_with_one_id_are_refused_and_nothing_is_added() {
        HandlerRegistry registry = new HandlerRegistry(CODEC, List.of(tickets));
        assertThatThrownBy(() -> registry.addAll(List.of(orders, tickets.id("another"))))
                .hasMessageContaining("queue \"q\" has two handlers for type \"ticket\" version 2");
        assertThatThrownBy(() -> registry.addAll(
                        List.of(orders, handler("r", Order.class).id(tickets.id()))))
                .hasMessageContaining("two handlers have the id \"q.Ticket\"");
        assertThat(registry.of("q")).containsExactly(tickets);
        assertThat(registry.queues()).containsExactly("q");
        registry.addAll(List.of(orders));
        assertThat(registry.of("q")).containsExactly(tickets, orders);
        assertThat(registry.of("r")).isEmpty();
    }

    @MessageType(value = "ticket", version = 2)
    record Ticket() {}

    @MessageType("ticket")
    record Older() {}

    @MessageType("order")
    record Order() {}

    record Untyped() {}

    private static <T> Handler handler(String queue, Class<T> payload) {
        return Handler.process(queue, payload, (one, context) -> Outcome.done());
    }
}
