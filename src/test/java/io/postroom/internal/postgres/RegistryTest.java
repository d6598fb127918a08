package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Attempt;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.QueueEntry;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Stores;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What may be asked about messages. */
@PostgresTest
class RegistryTest {
    private final StoreFixture fixture;
    private final Stores stores;

    private final DataSource pool;

    RegistryTest(DataSource pool) {
        this.pool = pool;
        fixture = new StoreFixture(pool);
        stores = fixture.stores;
    }

    private MessageFilter mine() {
        return MessageFilter.queue(fixture.queue.name());
    }

    private List<UUID> ids(List<Message> messages) {
        return messages.stream().map(Message::id).toList();
    }

    /** One message in each state, in the order of the enum. */
    private UUID[] oneOfEach() {
        UUID done = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(done(fixture.claimOne())));
        UUID dead = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(dead(fixture.claimOne(), "no use 17")));
        UUID inProgress = fixture.enqueue();
        fixture.claimOne();
        UUID delayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        UUID ready = fixture.enqueue();
        UUID cancelled = fixture.enqueue();
        stores.operator().cancel(cancelled);
        UUID expired = fixture.enqueue(fixture.message().timeToLive(Duration.ofMillis(1)))
                .id();
        stores.operator().advance(Duration.ofSeconds(1));
        stores.jobs().expire(null, null, 10_000);
        return new UUID[] {delayed, ready, inProgress, done, dead, cancelled, expired};
    }

    @Test
    void each_state_is_found_and_only_there() {
        UUID[] messages = oneOfEach();
        for (MessageState state : MessageState.values()) {
            List<Message> found = stores.queries().find(mine().state(state));
            assertThat(ids(found)).as(state.name()).containsExactly(messages[state.ordinal()]);
            assertThat(found.get(0).state()).isEqualTo(state);
        }
        assertThat(stores.queries().states(List.of(messages)))
                .hasSize(7)
                .allSatisfy((id, state) -> assertThat(messages[state.ordinal()]).isEqualTo(id));
        assertThat(ids(stores.queries().find(mine()))).hasSize(7).containsExactlyInAnyOrder(messages);
        assertThat(ids(stores.queries().find(mine().state(MessageState.READY, MessageState.DONE))))
                .containsExactlyInAnyOrder(messages[1], messages[3]);
    }

    @Test
    void newest_come_first_and_the_limit_holds() {
        UUID first = fixture.enqueue();
        UUID second = fixture.enqueue();
        UUID third = fixture.enqueue();
        assertThat(ids(stores.queries().find(mine()))).containsExactly(third, second, first);
        assertThat(ids(stores.queries().find(mine().limit(2)))).containsExactly(third, second);
        assertThat(ids(stores.queries().find(mine().state(MessageState.READY).limit(2))))
                .containsExactly(third, second);
    }

    @Test
    void lists_without_payloads_are_the_same_but_for_the_payloads() {
        fixture.enqueue(fixture.message().payload("{\"a\": 1}").headers("{\"b\": \"2\"}"));
        fixture.enqueue(fixture.message().payload("{\"a\": 1}"));
        for (MessageFilter filter : List.of(mine(), mine().state(MessageState.READY), mine().header("b", "2"))) {
            List<Message> whole = stores.queries().find(filter);
            List<Message> found = stores.queries().findWithoutPayloads(filter);
            assertThat(whole).isNotEmpty().extracting(Message::payload).containsOnly("{\"a\": 1}");
            assertThat(found).extracting(Message::payload).containsOnly("");
            assertThat(found)
                    .usingRecursiveComparison()
                    .ignoringFields("payload")
                    .isEqualTo(whole);
        }
    }

    @Test
    void a_message_comes_back_as_it_was_given() {
        UUID id = fixture.enqueue(fixture.message()
                        .priority(8)
                        .type("ticket", 2)
                        .payload("{\"a\": [1, null]}")
                        .headers("{\"b\": \"2\", \"a\": \"1 and more\"}")
                        .correlation("visit-7")
                        .timeToLive(Duration.ofHours(2)))
                .id();
        Message found = stores.queries().find(id).orElseThrow();
        assertThat(found.type()).isEqualTo("ticket");
        assertThat(found.version()).isEqualTo(2);
        assertThat(found.priority()).isEqualTo(8);
        assertThat(found.payload()).isEqualTo("{\"a\": [1, null]}");
        assertThat(found.contentType()).isEqualTo("application/json");
        assertThat(found.headers()).isEqualTo(Map.of("a", "1 and more", "b", "2"));
        assertThat(found.correlationId()).contains("visit-7");
        assertThat(Duration.between(found.createdAt(), found.expiresAt().orElseThrow()))
                .isEqualTo(Duration.ofHours(2));
        assertThat(found.entries()).hasSize(1);
        assertThat(found.entries().get(0).queue()).isEqualTo(fixture.queue.name());
        assertThat(stores.queries().find(MessageIds.next())).isEmpty();
    }

    @Test
    void bytes_are_shown_as_base64() {
        byte[] bytes = new byte[100];
        java.util.Arrays.fill(bytes, (byte) 0xFE);
        UUID id = fixture.enqueue(fixture.message().body(bytes).type(null, 0)).id();
        Message found = stores.queries().find(id).orElseThrow();
        assertThat(found.payload()).isEqualTo(Base64.getEncoder().encodeToString(bytes));
        assertThat(found.type()).isEmpty();
    }

    @Test
    void filters_are_joined() {
        UUID one = fixture.enqueue(fixture.message().type("a", 1).correlation("c1"))
                .id();
        UUID two = fixture.enqueue(fixture.message().type("b", 1).correlation("c1"))
                .id();
        fixture.enqueue(fixture.message().type("a", 1).correlation("c2"));
        assertThat(ids(stores.queries().find(mine().correlationId("c1")))).containsExactly(two, one);
        assertThat(ids(stores.queries().find(mine().correlationId("c1").type("a"))))
                .containsExactly(one);
        assertThat(ids(stores.queries().next(mine().correlationId("c1").type("a"))))
                .containsExactly(one);
        Instant created = stores.queries().find(one).orElseThrow().createdAt();
        assertThat(ids(stores.queries().find(mine().created(created, created.plusNanos(1000)))))
                .containsExactly(one);
        assertThat(stores.queries().find(mine().created(created.plusSeconds(60), created.plusSeconds(120))))
                .isEmpty();
        assertThat(stores.queries().find(MessageFilter.queue("no-such-queue"))).isEmpty();
    }

    @Test
    void messages_are_found_by_their_headers_in_every_state_and_list() {
        UUID shell = fixture.enqueue(
                        fixture.message().headers("{\"source\": \"shell\", \"tenant\": \"a=b, \\\"c\\\"\"}"))
                .id();
        UUID other = fixture.enqueue(fixture.message().headers("{\"source\": \"shell2\", \"Source\": \"shell\"}"))
                .id();
        fixture.enqueue();
        MessageFilter fromShell = mine().header("source", "shell");
        assertThat(ids(stores.queries().find(fromShell))).containsExactly(shell);
        assertThat(ids(stores.queries().find(fromShell.header("tenant", "a=b, \"c\""))))
                .containsExactly(shell);
        assertThat(ids(stores.queries().find(fromShell.header("tenant", "c")))).isEmpty();
        assertThat(ids(stores.queries().find(mine().header("Source", "shell")))).containsExactly(other);
        assertThat(ids(stores.queries().find(fromShell.before(shell)))).isEmpty();
        assertThat(ids(stores.queries().next(fromShell))).containsExactly(shell);
        assertThat(stores.queries().removable(fromShell)).isEmpty();
        assertThat(ids(stores.queries().find(fromShell.state(MessageState.READY))))
                .containsExactly(shell);
        assertThat(stores.queries().find(fromShell.state(MessageState.DONE, MessageState.DEAD)))
                .isEmpty();
    }

    @Test
    void list_by_header_is_refused_when_what_it_looks_at_does_not_fill_it_and_there_is_more() throws SQLException {
        UUID first =
                fixture.enqueue(fixture.message().headers("{\"n\": \"1\"}")).id();
        fixture.enqueue();
        fixture.enqueue();
        UUID last = fixture.enqueue(fixture.message().headers("{\"n\": \"1\"}")).id();
        MessageFilter wanted = mine().header("n", "1");
        try (Connection connection = pool.getConnection()) {
            assertThat(ids(MessageReader.look(wanted.limit(1), true, 2, connection)))
                    .containsExactly(last);
            assertThatThrownBy(() -> MessageReader.look(wanted.limit(2), true, 3, connection))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("headers must be found in the 3 messages that are looked at")
                    .hasMessageContaining("There are 1 in them");
            assertThat(ids(MessageReader.look(wanted.limit(2), true, 4, connection)))
                    .containsExactly(last, first);
            assertThat(ids(MessageReader.look(wanted.before(last), true, 1_000_000, connection)))
                    .containsExactly(first);
            assertThatThrownBy(() -> MessageReader.look(wanted.state(MessageState.READY), true, 1, connection))
                    .isInstanceOf(InvalidMessageException.class);
        }
    }

    @Test
    void dead_letters_are_found_by_their_fingerprint() {
        UUID id = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(dead(fixture.claimOne(), "order 17 is unknown")));
        UUID other = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(dead(fixture.claimOne(), "something else")));
        String fingerprint =
                io.postroom.internal.storage.Failure.of("order 18 is unknown").fingerprint();
        assertThat(ids(stores.queries().find(mine().fingerprint(fingerprint))))
                .containsExactly(id)
                .doesNotContain(other);
        assertThat(stores.queries().find(mine().fingerprint(fingerprint).state(MessageState.READY)))
                .isEmpty();
    }

    @Test
    void what_is_next_is_told_in_the_order_it_would_be_taken() {
        UUID low = fixture.enqueue(fixture.message().priority(1)).id();
        UUID first = fixture.enqueue(fixture.message().priority(5)).id();
        UUID second = fixture.enqueue(fixture.message().priority(5)).id();
        UUID high = fixture.enqueue(fixture.message().priority(9)).id();
        fixture.enqueue(fixture.message().priority(9).delay(Duration.ofHours(1)));
        assertThat(ids(stores.queries().next(mine()))).containsExactly(high, first, second, low);
        assertThat(ids(stores.queries().next(mine().limit(2)))).containsExactly(high, first);
        assertThat(fixture.claim(10)).as("asking changed nothing").hasSize(4);
    }

    @Test
    void what_may_be_removed_is_finished_and_past_its_retention() {
        UUID old = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(done(fixture.claimOne())));
        fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(done(fixture.claimOne())));
        fixture.enqueue();
        assertThat(stores.queries().removable(mine())).isEmpty();
        fixture.execute("UPDATE postroom.attempt SET finished_at = finished_at - interval '7 days' WHERE message_id = '"
                + old + "'");
        assertThat(ids(stores.queries().removable(mine()))).containsExactly(old);
    }

    /** The message has a place in two queues, and one of them lets it live for a minute. */
    @Test
    void what_is_next_is_judged_for_each_queue_of_a_message() {
        String brief = fixture.newQueue().name();
        fixture.execute("UPDATE postroom.queue SET time_to_live = '1 minute' WHERE name = '" + brief + "'");
        UUID id = inBoth(brief);
        assertThat(nextQueues(MessageFilter.queue(brief)))
                .as("in this queue alone")
                .containsExactly(brief);
        assertThat(nextQueues(mine())).containsExactly(fixture.queue.name());
        assertThat(nextQueues(MessageFilter.all().correlationId("in both"))).contains(brief, fixture.queue.name());

        fixture.execute("UPDATE postroom.entry_expiry SET expires_at = now() - interval '1 second' WHERE message_id = '"
                + id + "'");
        assertThat(stores.queries().next(MessageFilter.queue(brief)))
                .as("it is over there")
                .isEmpty();
        assertThat(nextQueues(MessageFilter.all().correlationId("in both"))).containsExactly(fixture.queue.name());
    }

    @Test
    void message_is_removable_when_its_last_entry_is() {
        String other = fixture.newQueue().name();
        UUID id = inBoth(other);
        stores.leases().complete(fixture.worker, List.of(done(fixture.claimOne())));
        fixture.execute("UPDATE postroom.attempt SET finished_at = finished_at - interval '7 days' WHERE message_id = '"
                + id + "'");
        assertThat(stores.queries().removable(mine()))
                .as("it waits in the other queue")
                .isEmpty();
        stores.operator().cancel(id);
        assertThat(stores.queries().removable(mine()))
                .as("it ended there just now")
                .isEmpty();
        fixture.execute("UPDATE postroom.attempt SET finished_at = finished_at - interval '7 days' WHERE message_id = '"
                + id + "' AND outcome = 1");
        for (String queue : List.of(fixture.queue.name(), other)) {
            assertThat(ids(stores.queries().removable(MessageFilter.queue(queue))))
                    .containsExactly(id);
        }
    }

    private UUID inBoth(String other) {
        fixture.execute("""
                SELECT postroom.declare_exchange('of.%1$s', 'fanout');
                SELECT postroom.bind('of.%1$s', '%1$s');
                SELECT postroom.bind('of.%1$s', '%2$s');
                """.formatted(other, fixture.queue.name()));
        return UUID.fromString(fixture.text(
                "SELECT id FROM postroom.create_message(exchange => 'of." + other + "', correlation_id => 'in both')"));
    }

    private List<String> nextQueues(MessageFilter filter) {
        return stores.queries().next(filter).stream()
                .flatMap(message -> message.entries().stream())
                .map(QueueEntry::queue)
                .toList();
    }

    @Test
    void history_has_the_newest_thousand_steps_of_a_message_that_is_put_off_for_ever() {
        UUID id = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(done(fixture.claimOne())));
        JdbcClient.create(pool)
                .sql("INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)"
                        + " SELECT message_id, started_at - n * interval '1 ms', finished_at - n * interval '1 ms', queue_id, 0, 5"
                        + " FROM postroom.attempt, generate_series(1, 1500) n WHERE message_id = :id")
                .param("id", id)
                .update();
        List<Attempt> history = stores.queries().history(id);
        assertThat(history).hasSize(1000);
        assertThat(history).extracting(Attempt::finishedAt).isSorted();
        assertThat(history.get(999).outcome()).isEqualTo("done");
    }

    @Test
    void history_tells_every_attempt_oldest_first() {
        UUID id = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(retry(fixture.claimOne(), Duration.ZERO, "first")));
        stores.jobs().promote(null, 10_000);
        ClaimedMessage second = fixture.claimOne();
        stores.leases().complete(fixture.worker, List.of(done(second)));
        List<Attempt> history = stores.queries().history(id);
        assertThat(history).extracting(Attempt::outcome).containsExactly("retry", "done");
        assertThat(history).extracting(Attempt::number).containsExactly(1, 2);
        assertThat(history.get(0).error()).contains("first");
        assertThat(history.get(0).worker()).isEqualTo("test");
        assertThat(history.get(0).startedAt()).isBefore(history.get(0).finishedAt());
        assertThat(stores.queries().find(id).orElseThrow().entries().get(0).failures())
                .isOne();
        assertThat(stores.queries().history(MessageIds.next())).isEmpty();
    }

    @Test
    void explain_says_what_holds_a_message_up() {
        assertThat(stores.queries().explain(fixture.enqueue()))
                .first()
                .asString()
                .startsWith("no_consumer:");
        assertThat(stores.queries().explain(MessageIds.next()))
                .first()
                .asString()
                .startsWith("unknown:");
    }
}
