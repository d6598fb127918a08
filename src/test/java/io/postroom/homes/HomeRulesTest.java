package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HomeRulesTest {
    private static final HomeRules RULES = HomeRules.parse("""
            -- where queues live
            # = main

            mail = second
            tenant.eu.# = second
            orders = main, second, main, third
            """);

    @ParameterizedTest
    @CsvSource({
        "mail, second",
        "mail.eu, main",
        "tenant.eu, second",
        "tenant.eu.mail.in, second",
        "tenant.us.mail, main",
        "orders:2of4, second",
        "orders:4of4, third",
        "orders:5of4, main",
        "other, main"
    })
    void exact_name_counts_then_pattern_then_the_rest(String queue, String home) {
        assertThat(RULES.homeOf(queue)).isEqualTo(new QueueHome(home, queue));
    }

    /** These numbers must never change: order and deduplication rest on them. SQL gives the same in HomesTest. */
    @ParameterizedTest
    @CsvSource({"order-1, 2", "order-2, 3", "order-3, 4", "Ünïcödé-订单, 2", "a, 3"})
    void part_of_a_key_never_changes(String key, int part) {
        QueueHome home = RULES.homeOf("orders", key);
        assertThat(home.queue()).isEqualTo("orders:" + part + "of4");
        assertThat(home.home())
                .isEqualTo(List.of("main", "second", "main", "third").get(part - 1));
    }

    @Test
    void part_comes_from_group_then_deduplication_key_then_id() {
        UUID id = MessageIds.next();
        CreateMessage message = CreateMessage.to("orders").id(id);
        assertThat(RULES.homeOf(message)).isEqualTo(RULES.homeOf("orders", id.toString()));
        assertThat(RULES.homeOf(message.deduplicate("order-3"))).isEqualTo(RULES.homeOf("orders", "order-3"));
        assertThat(RULES.homeOf(message.deduplicate("order-3").group("a"))).isEqualTo(RULES.homeOf("orders", "a"));
    }

    @Test
    void messages_without_a_key_are_spread_over_all_parts() {
        assertThat(IntStream.range(0, 500)
                        .mapToObj(i -> RULES.homeOf(CreateMessage.to("orders")).queue())
                        .distinct())
                .containsExactlyInAnyOrder("orders:1of4", "orders:2of4", "orders:3of4", "orders:4of4");
    }

    @Test
    void exchange_lives_where_a_queue_of_its_name_would() {
        assertThat(RULES.homeOf(CreateMessage.via("tenant.eu.events", "x")).home())
                .isEqualTo("second");
        assertThat(RULES.homeOf(CreateMessage.via("", "mail")).home())
                .as("the default exchange: the key names the queue")
                .isEqualTo("second");
    }

    @Test
    void rules_that_mean_the_same_have_the_same_text() {
        HomeRules built = HomeRules.none()
                .parts("orders", "main", "second", "main", "third")
                .queue("tenant.eu.#", "second")
                .queue("mail", "second")
                .queue("#", "main");
        assertThat(built).isEqualTo(RULES).hasToString(RULES.toString()).hasSameHashCodeAs(RULES);
        assertThat(HomeRules.parse(built.toString())).isEqualTo(built);
        assertThat(built.homes()).containsExactly("main", "second", "third");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "orders | rules must be lines such as \"orders = main\"",
                "or ders = main | rules must be 1 to 127 of",
                "orders = | home must be 1 to 127 of",
                "orders = main, | home must be 1 to 127 of",
                "a.# = main;a.* = second | \"a.# = main\" could match the same names",
                "a.*.c = main;a.b.* = second | \"a.*.c = main\" could match the same names",
                "a = main;a = second | one rule for each queue, and there is \"a = main\"",
                "a = main, second;a:1of2 = main | without a rule for a part of queue \"a\"",
                "a.# = main, second | rules must be 1 to 127 of",
            })
    void rule_that_is_none_or_contradicts_another_is_refused(String lines, String text) {
        assertThatThrownBy(() -> HomeRules.parse(lines.replace(';', '\n')))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining(text);
    }

    @Test
    void queue_without_a_rule_is_refused_and_so_is_one_with_parts_where_one_home_is_asked() {
        HomeRules few = HomeRules.none().parts("orders", "main", "second");
        assertThatThrownBy(() -> few.homeOf("mail"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("a name that the rules of the homes give a home, got \"mail\"");
        assertThatThrownBy(() -> few.homeOf("orders"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("queues of their own: orders:1of2 to orders:2of2");
        assertThatThrownBy(() -> few.parts("one", "main")).hasMessageContaining("parts must be 2 to 1000");
        assertThatThrownBy(() -> few.parts("x".repeat(124), "a", "b")).hasMessageContaining("name of the last part");
    }

    @Test
    void ten_thousand_rules_are_read_and_one_more_is_refused() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < HomeRules.MOST_RULES; i++) {
            text.append("q").append(i).append(" = main\n");
        }
        assertThat(HomeRules.parse(text.toString()).homeOf("q9999").home()).isEqualTo("main");
        assertThatThrownBy(() -> HomeRules.parse(text + "one.more = main"))
                .hasMessageContaining("rules must be at most 10000");
    }
}
