package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.QueueEntry;
import io.postroom.handler.Handler;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Old and new versions of a payload meet old and new versions of a program. */
@PostgresTest
class EvolvingPayloadsTest {
    private final HikariDataSource pool;
    private final List<Object> handled = new ArrayList<>();

    EvolvingPayloadsTest(TestDatabase database) {
        pool = database.pool();
    }

    @MessageType("person")
    record OldPerson(String name) {}

    @MessageType("person")
    record NewPerson(String fullName) {}

    @Test
    void payload_that_one_process_cannot_read_waits_for_another_and_spends_nothing() {
        try (Postroom old = start("renamed", OldPerson.class);
                Postroom fresh = start("renamed", NewPerson.class)) {
            UUID id = create(fresh, "renamed", new NewPerson("Ann"));
            PostroomKit.of(old).drain();
            assertThat(handled).isEmpty();
            QueueEntry waiting = entry(old, id);
            assertThat(waiting.state()).isEqualTo(MessageState.DELAYED);
            assertThat(waiting.failures()).isZero();
            assertThat(history(old, id)).containsExactly("undecodable");
            assertThat(waiting.error().orElseThrow()).contains("fullName", OldPerson.class.getName());
            assertThat(old.queueMessages().explain(id))
                    .anyMatch(line -> line.startsWith("due_later") && line.contains("undecodable"));

            PostroomKit.of(fresh).advance(Duration.ofSeconds(31));
            PostroomKit.of(fresh).drain();
            assertThat(handled).containsExactly(new NewPerson("Ann"));
            assertThat(entry(fresh, id).state()).isEqualTo(MessageState.DONE);
        }
    }

    @Test
    void nothing_is_dead_while_old_and_new_processes_run_side_by_side() {
        try (Postroom old = start("rolling", OldPerson.class);
                Postroom fresh = start("rolling", NewPerson.class)) {
            List<UUID> ids = new ArrayList<>();
            List<Object> created = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                created.add(new OldPerson("old " + i));
                ids.add(create(old, "rolling", new OldPerson("old " + i)));
                created.add(new NewPerson("new " + i));
                ids.add(create(fresh, "rolling", new NewPerson("new " + i)));
            }
            for (int hour = 0; hour < 6; hour++) { // each process takes what it meets first, for hours
                PostroomKit.of(old).drain();
                PostroomKit.of(old).advance(Duration.ofHours(1));
                PostroomKit.of(fresh).drain();
                PostroomKit.of(fresh).advance(Duration.ofHours(1));
            }
            assertThat(ids).allSatisfy(id -> assertThat(entry(old, id).state()).isEqualTo(MessageState.DONE));
            assertThat(handled).containsExactlyInAnyOrderElementsOf(created);
        }
    }

    @Test
    void payload_that_nobody_can_read_is_dead_after_a_day_and_a_redrive_begins_anew() {
        try (Postroom postroom = start("unreadable", OldPerson.class)) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "unreadable", new NewPerson("Ann"));
            for (int hour = 0; hour < 24; hour++) {
                kit.drain();
                assertThat(entry(postroom, id).state()).as("hour " + hour).isEqualTo(MessageState.DELAYED);
                kit.advance(Duration.ofHours(1));
            }
            kit.drain();
            QueueEntry dead = entry(postroom, id);
            assertThat(dead.state()).isEqualTo(MessageState.DEAD);
            assertThat(dead.failures()).isZero();
            assertThat(history(postroom, id)).containsExactly("undecodable", "reject");

            postroom.queueMessages().redrive(id);
            kit.drain();
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DELAYED);
            assertThat(history(postroom, id)).containsExactly("undecodable", "reject", "undecodable");
            assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
        }
    }

    // ---- versions

    @MessageType("price")
    record Price1(String euros) {}

    @MessageType(value = "price", version = 2)
    record Price2(int cents) {}

    @MessageType(value = "price", version = 3)
    record Price3(int cents, String currency) {}

    @Test
    void two_versions_of_a_type_stand_side_by_side_in_one_queue() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(handler("both", Price2.class))
                .handler(handler("both", Price1.class))
                .start()) {
            create(postroom, "both", new Price1("3"));
            create(postroom, "both", new Price2(400));
            UUID newer = create(postroom, "both", new Price3(500, "EUR"));
            PostroomKit.of(postroom).drain();
            assertThat(handled).containsExactly(new Price1("3"), new Price2(400));
            assertThat(entry(postroom, newer).state()).isEqualTo(MessageState.DELAYED);
        }
        assertThatThrownBy(() -> Postroom.on(pool)
                        .handler(handler("both", Price2.class))
                        .handler(handler("both", Price2.class).id("another"))
                        .start())
                .hasMessageContaining("two handlers for type \"price\" version 2");
    }

    @Test
    void newer_handler_reads_older_messages_through_upcasters() {
        PayloadUpcaster toCents = PayloadUpcaster.of("price", 1, json -> {
            ObjectNode price = (ObjectNode) json;
            return price.put("cents", Integer.parseInt(price.remove("euros").asString()) * 100);
        });
        PayloadUpcaster toCurrency = PayloadUpcaster.of("price", 2, json -> ((ObjectNode) json).put("currency", "EUR"));
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .upcaster(toCurrency)
                .upcaster(toCents)
                .handler(handler("upcast", Price3.class))
                .start()) {
            UUID first = create(postroom, "upcast", new Price1("3"));
            create(postroom, "upcast", new Price2(400));
            create(postroom, "upcast", new Price3(500, "USD"));
            postroom.queueMessages()
                    .createMessage(CreateMessage.to("upcast")
                            .body("price", 2, "{\"cents\":6}".getBytes(StandardCharsets.UTF_8), "application/json"));
            UUID broken = postroom.queueMessages()
                    .createMessage(CreateMessage.to("upcast").json("price", 1, "{\"euros\":\"many\"}"))
                    .id();
            PostroomKit.of(postroom).drain();
            assertThat(handled)
                    .containsExactly(
                            new Price3(300, "EUR"),
                            new Price3(400, "EUR"),
                            new Price3(500, "USD"),
                            new Price3(6, "EUR"));
            assertThat(entry(postroom, broken).state()).isEqualTo(MessageState.DELAYED);
            assertThat(postroom.queueMessages().find(first).orElseThrow().payload())
                    .as("the stored message")
                    .contains("euros");
        }
    }

    @Test
    void two_upcasters_for_one_step_are_refused() {
        PayloadUpcaster one = PayloadUpcaster.of("price", 1, json -> json);
        assertThatThrownBy(() -> Postroom.on(pool).upcaster(one).upcaster(one).start())
                .hasMessageContaining("two upcasters take type \"price\" from version 1 to 2");
    }

    @Test
    void handler_of_any_type_gets_the_stored_json() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .upcaster(PayloadUpcaster.of("price", 1, json -> {
                    throw new AssertionError("not for a handler of any type");
                }))
                .handler(handler("any", JsonNode.class))
                .start()) {
            create(postroom, "any", new Price1("3"));
            PostroomKit.of(postroom).drain();
            assertThat(handled).extracting(Object::toString).containsExactly("{\"euros\":\"3\"}");
        }
    }

    private Postroom start(String queue, Class<?> payload) {
        return Postroom.on(pool).workers(false).handler(handler(queue, payload)).start();
    }

    private <T> Handler handler(String queue, Class<T> payload) {
        return Handler.send(queue, payload, (one, context) -> {
            handled.add(one);
            return Outcome.done();
        });
    }

    private static UUID create(Postroom postroom, String queue, Object payload) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).payload(payload))
                .id();
    }

    private static QueueEntry entry(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().entries().get(0);
    }

    private static List<String> history(Postroom postroom, UUID id) {
        return postroom.queueMessages().history(id).stream()
                .map(Attempt::outcome)
                .toList();
    }
}
