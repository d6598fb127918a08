package io.postroom.internal.definitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Binding;
import io.postroom.api.Definitions;
import io.postroom.api.Exchange;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.Topology;
import io.postroom.testing.QueueMembers;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** The text of a definitions file, without a database: what is read is what was written, under other names where asked for. */
class PostroomFileTest {
    private static final JsonMapper JSON = JsonMapper.shared();

    @Test
    void each_setting_of_a_queue_has_a_member_that_is_read_and_written() {
        Map<String, Object> queue = new LinkedHashMap<>(Map.of("queue", "mail"));
        queue.putAll(QueueMembers.sample());
        String file = JSON.writeValueAsString(Map.of("postroomDefinitions", 1, "queues", List.of(queue)));

        QueueSettings read = PostroomFile.read(file, Map.of()).queues().get(0);

        QueueMembers.assertAllNamed(read);
        assertThat(JSON.valueToTree(PostroomFile.shown(read)).toString())
                .isEqualTo(JSON.valueToTree(queue).toString());
    }

    @Test
    void topology_is_the_same_after_it_was_written_and_read() {
        Topology topology = topology();
        String text = PostroomFile.write(topology);
        Topology read = PostroomFile.read(text, Map.of());
        assertThat(read).isEqualTo(topology);
        assertThat(PostroomFile.write(read)).isEqualTo(text);
    }

    @Test
    void empty_topology_and_absent_lists_are_files_too() {
        Topology nothing = new Topology(List.of(), List.of(), List.of());
        assertThat(PostroomFile.read(PostroomFile.write(nothing), Map.of())).isEqualTo(nothing);
        assertThat(PostroomFile.read("{\"postroomDefinitions\": 1, \"queues\": null}", Map.of()))
                .isEqualTo(nothing);
    }

    @Test
    void rename_changes_a_name_wherever_it_stands_and_nothing_else() {
        String text = PostroomFile.write(topology());
        Map<String, String> renames = Map.of("mail", "mail.x", "orders", "orders.x", "all", "all.x");
        Topology renamed = PostroomFile.read(text, renames);
        List<String> names = new ArrayList<>();
        renamed.queues().forEach(queue -> {
            names.add(queue.queue());
            queue.deadLetterExchange().ifPresent(names::add);
            queue.deadLetterRoutingKey().ifPresent(names::add);
        });
        renamed.exchanges().forEach(exchange -> {
            names.add(exchange.name());
            exchange.alternate().ifPresent(names::add);
        });
        renamed.bindings().forEach(binding -> {
            names.add(binding.exchange());
            binding.queue().or(binding::toExchange).ifPresent(names::add);
            names.add(binding.routingKey());
        });
        assertThat(names)
                .containsExactly(
                        "mail.x",
                        "all.x",
                        "mail",
                        "all.x",
                        "orders.x",
                        "all.x",
                        "orders.x",
                        "mail.x",
                        "mail",
                        "orders.x",
                        "all.x",
                        "#");
    }

    @Test
    void refused_member_is_named_with_its_place() {
        String longest = " ".repeat(Definitions.LONGEST_FILE + 1);
        assertThatThrownBy(() -> PostroomFile.read(longest, Map.of()))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("file must be at most 16777216 characters");
        assertThatThrownBy(() -> PostroomFile.read(
                        "{\"postroomDefinitions\": 1, \"exchanges\": [{}, {\"exchange\": \"a\", \"kind\": \"x\"}]}",
                        Map.of()))
                .hasMessageStartingWith("exchanges[0].exchange must be a string");
        assertThatThrownBy(() -> PostroomFile.read(
                        "{\"postroomDefinitions\": 1, \"bindings\": [{\"exchange\": \"a\", \"queue\": \"q\", \"toExchange\": \"x\"}]}",
                        Map.of()))
                .hasMessageStartingWith("bindings[0] must be given one of queue and toExchange, got \"both\"");
    }

    private static Topology topology() {
        return new Topology(
                List.of(QueueSettings.of("mail").attempts(3).deadLetterExchange("all", "mail")),
                List.of(Exchange.fanout("all"), Exchange.topic("orders").alternate("all")),
                List.of(
                        Binding.from("orders")
                                .key("mail")
                                .argument("x", "1")
                                .anyValue("y")
                                .to("mail"),
                        Binding.from("orders").key("#").toExchange("all")));
    }
}
