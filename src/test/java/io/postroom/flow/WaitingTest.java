package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Messages that wait: delays, priorities, lives that end, and what callers may do to them meanwhile. */
@PostgresTest
class WaitingTest {
    private final List<String> handled = new ArrayList<>();
    private final Postroom postroom;
    private final PostroomKit kit;

    WaitingTest(TestDatabase database) {
        HikariDataSource pool = database.pool();
        postroom = Postroom.on(pool)
                .workers(false)
                .handler(note("delay"))
                .handler(note("priority"))
                .handler(note("life"))
                .handler(note("past"))
                .handler(note("cancel"))
                .handler(note("pause"))
                .handler(note("dedup"))
                .handler(note("move"))
                .handler(Handler.send("typed", Known.class, (payload, context) -> Outcome.done()))
                .start();
        kit = PostroomKit.of(postroom);
    }

    @MessageType(value = "known", version = 2)
    record Known(String text) {}

    @AfterEach
    void close() {
        postroom.close();
    }

    @Test
    void delayed_message_is_never_early() {
        UUID id = create(message("delay", "1").delay(Duration.ofMinutes(5)));
        assertThat(state(id)).isEqualTo(MessageState.DELAYED);
        assertThat(kit.drain("delay")).isZero();
        assertThat(postroom.queueMessages().explain(id)).anyMatch(line -> line.startsWith("due_later:"));
        kit.advance(Duration.ofMinutes(5).minusSeconds(2));
        assertThat(kit.drain("delay")).isZero();
        kit.advance(Duration.ofSeconds(2));
        assertThat(kit.drain("delay")).isEqualTo(1);
        assertThat(state(id)).isEqualTo(MessageState.DONE);
    }

    @Test
    void due_time_in_the_past_means_now() {
        UUID id = create(message("past", "1").at(Instant.now().minus(Duration.ofDays(3))));
        assertThat(state(id)).isEqualTo(MessageState.READY);
    }

    @Test
    void higher_priority_goes_first_and_equals_in_order() {
        for (int i = 0; i < 3; i++) {
            create(message("priority", "low" + i).priority(1));
            create(message("priority", "high" + i).priority(9));
            create(message("priority", "usual" + i));
        }
        assertThat(postroom.queueMessages().getMessagesQueue(MessageFilter.queue("priority")))
                .extracting(Message::payload)
                .startsWith("\"high0\"", "\"high1\"", "\"high2\"", "\"usual0\"");
        kit.drain("priority");
        assertThat(handled)
                .containsExactly(
                        "\"high0\"",
                        "\"high1\"",
                        "\"high2\"",
                        "\"usual0\"",
                        "\"usual1\"",
                        "\"usual2\"",
                        "\"low0\"",
                        "\"low1\"",
                        "\"low2\"");
    }

    @Test
    void message_whose_life_ended_expires_and_is_not_handled() {
        UUID ready = create(message("life", "1").timeToLive(Duration.ofMinutes(1)));
        UUID delayed = create(message("life", "2").delay(Duration.ofMinutes(1)).timeToLive(Duration.ofMinutes(2)));
        UUID lasting = create(message("life", "3"));
        kit.advance(Duration.ofMinutes(3));
        kit.drain("life");
        assertThat(handled).containsExactly("\"3\"");
        assertThat(state(ready)).isEqualTo(MessageState.EXPIRED);
        assertThat(state(delayed)).isEqualTo(MessageState.EXPIRED);
        assertThat(state(lasting)).isEqualTo(MessageState.DONE);
        assertThat(postroom.queueMessages().history(ready))
                .extracting(Attempt::outcome)
                .containsExactly("expired");
    }

    @Test
    void cancelled_message_is_not_handled_and_says_so() {
        UUID ready = create(message("cancel", "1"));
        UUID delayed = create(message("cancel", "2").delay(Duration.ofHours(1)));
        assertThat(postroom.queueMessages().cancel(ready)).isEqualTo(1);
        assertThat(postroom.queueMessages().cancel(delayed)).isEqualTo(1);
        assertThat(postroom.queueMessages().cancel(ready)).isZero();
        assertThat(postroom.queueMessages().cancel(MessageIds.next())).isZero();
        kit.advance(Duration.ofHours(2));
        assertThat(kit.drain("cancel")).isZero();
        assertThat(state(ready)).isEqualTo(MessageState.CANCELLED);
        assertThat(state(delayed)).isEqualTo(MessageState.CANCELLED);
    }

    @Test
    void rescheduled_message_moves_both_ways() {
        UUID id = create(message("move", "1"));
        assertThat(postroom.queueMessages().reschedule(id, Instant.now().plus(Duration.ofHours(1))))
                .isEqualTo(1);
        assertThat(state(id)).isEqualTo(MessageState.DELAYED);
        assertThat(kit.drain("move")).isZero();
        assertThat(postroom.queueMessages().reschedule(id, Instant.now())).isEqualTo(1);
        assertThat(kit.drain("move")).isEqualTo(1);
        assertThat(postroom.queueMessages().reschedule(id, Instant.now())).isZero();
    }

    @Test
    void repeat_with_the_same_id_is_recognised_and_other_content_refused() {
        UUID id = MessageIds.next();
        assertThat(postroom.queueMessages()
                        .createMessage(message("dedup", "a").id(id))
                        .isNew())
                .isTrue();
        assertThat(postroom.queueMessages().createMessage(message("dedup", "a").id(id)))
                .isEqualTo(new Created(id, false, List.of("dedup"), Optional.of(MessageState.READY)));
        assertThatThrownBy(() -> postroom.queueMessages()
                        .createMessage(message("dedup", "b").id(id)))
                .isInstanceOf(DuplicateMessageException.class)
                .hasMessageContaining(id.toString());
    }

    @Test
    void deduplication_key_is_remembered_after_the_message_is_done() {
        Created first =
                postroom.queueMessages().createMessage(message("dedup", "x").deduplicate("order-1-paid"));
        kit.drain("dedup");
        Created second =
                postroom.queueMessages().createMessage(message("dedup", "x").deduplicate("order-1-paid"));
        assertThat(second).isEqualTo(new Created(first.id(), false, List.of("dedup"), Optional.of(MessageState.DONE)));
        assertThatThrownBy(() -> postroom.queueMessages()
                        .createMessage(message("dedup", "y").deduplicate("order-1-paid")))
                .isInstanceOf(DuplicateMessageException.class)
                .hasMessageContaining("deduplicationKey")
                .hasMessageContaining(first.id().toString());
        assertThat(postroom.queueMessages()
                        .createMessage(message("dedup", "x").deduplicate("ORDER-1-PAID"))
                        .isNew())
                .isTrue();
    }

    @Test
    void type_nobody_knows_waits_at_no_cost_and_explain_names_it() {
        UUID newer = create(CreateMessage.to("typed").json("known", 3, "{}"));
        UUID unknown = create(CreateMessage.to("typed").json("other", 1, "{}"));
        UUID known = create(CreateMessage.to("typed").json("known", 1, "{}"));
        kit.drain("typed");
        assertThat(state(known)).isEqualTo(MessageState.DONE);
        assertThat(state(newer)).isEqualTo(MessageState.DELAYED);
        assertThat(postroom.queueMessages()
                        .find(unknown)
                        .orElseThrow()
                        .entries()
                        .get(0)
                        .failures())
                .isZero();
        assertThat(postroom.queueMessages().explain(unknown))
                .anyMatch(line -> line.contains("no_handler") && line.contains("other"));
        kit.advance(Duration.ofSeconds(30));
        kit.drain("typed");
        assertThat(postroom.queueMessages()
                        .find(unknown)
                        .orElseThrow()
                        .entries()
                        .get(0)
                        .deliveries())
                .isEqualTo(2);
    }

    private Handler note(String queue) {
        return Handler.process(queue, String.class, (payload, context) -> {
            handled.add(payload);
            return Outcome.done();
        });
    }

    private static CreateMessage message(String queue, String text) {
        return CreateMessage.to(queue).json("text", 1, "\"" + text + "\"");
    }

    private UUID create(CreateMessage message) {
        return postroom.queueMessages().createMessage(message).id();
    }

    private MessageState state(UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }
}
