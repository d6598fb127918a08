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

    @Test
    void handlers_whose_pattern_matches_serve_a_queue_beside_those_with_its_name() {
        Handler everywhere = handler("tenant.#", Order.class);
        Handler mail = handler("tenant.*.mail", Ticket.class);
        Handler named = handler("tenant.a.mail", Untyped.class);
        HandlerRegistry registry = new HandlerRegistry(CODEC, List.of(everywhere, mail, named));
        assertThat(registry.queues()).containsExactly("tenant.a.mail");
        assertThat(registry.of("tenant.a.mail")).containsExactly(named, everywhere, mail);
        assertThat(registry.of("tenant.b.mail"))
                .containsExactly(everywhere, mail)
                .isSameAs(registry.of("tenant.c.mail"));
        assertThat(registry.of("tenant")).containsExactly(everywhere);
        assertThat(registry.of("tenants")).isEmpty();
        assertThat(registry.isByPatternOnly("tenant.b.mail")).isTrue();
        assertThat(registry.isByPatternOnly("tenant.a.mail")).isFalse();
        assertThat(registry.isByPatternOnly("tenants")).isFalse();
    }

    @Test
    void for_one_type_the_exact_name_comes_before_a_pattern() {
        Handler pattern = handler("tenant.#", Ticket.class);
        Handler older = handler("tenant.a", Older.class);
        Handler same = handler("tenant.b", Ticket.class);
        Handler any = handler("tenant.c", Map.class);
        Handler others = handler("tenant.#", Untyped.class);
        HandlerRegistry registry = new HandlerRegistry(CODEC, List.of(pattern, older, same, any, others));
        assertThat(registry.find("tenant.a", "ticket", 1)).contains(older);
        assertThat(registry.find("tenant.a", "ticket", 2)).contains(pattern);
        assertThat(registry.find("tenant.a", null, 0))
                .as("the only one with the name")
                .contains(older);
        assertThat(registry.find("tenant.b", "ticket", 2)).contains(same);
        assertThat(registry.of("tenant.b"))
                .as("the pattern's takes nothing here")
                .containsExactly(same, others);
        assertThat(registry.find("tenant.c", "ticket", 2))
                .as("any type that no other takes")
                .contains(pattern);
        assertThat(registry.find("tenant.c", "order", 1)).contains(any);
        assertThat(registry.find("tenant.d", null, 0)).contains(others);
    }

    @Test
    void patterns_that_could_match_one_queue_and_take_one_type_are_refused_and_both_are_named() {
        HandlerRegistry registry = new HandlerRegistry(CODEC, List.of(handler("tenant.*.mail", Ticket.class)));
        assertThatThrownBy(() -> registry.addAll(List.of(handler("#.mail", Ticket.class))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"tenant.*.mail\" and \"#.mail\"")
                .hasMessageContaining("tenant.any.mail.Ticket and all.mail.Ticket");
        registry.addAll(List.of(handler("tenant.*.sms", Ticket.class), handler("#.mail", Older.class)));
        assertThat(registry.find("tenant.a.mail", "ticket", 1)).isPresent();
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
