package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Deduplication;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.Overflow;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Until when a message holds its deduplication key, and what a second message with the key does. */
@PostgresTest
class DeduplicationTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    private final TestDatabase database;
    private final JdbcClient sql;
    private final Postroom postroom;
    private final QueueMessages messages;
    private final PostroomKit kit;
    private final List<String> handled = new ArrayList<>();
    private final ExecutorService other = Executors.newFixedThreadPool(2);
    private Outcome outcome = Outcome.done();
    private Supplier<Created> meanwhile = () -> null;
    private Created createdMeanwhile;

    DeduplicationTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(Handler.send("sync", String.class, (payload, context) -> {
                    handled.add(payload);
                    createdMeanwhile = meanwhile.get();
                    return outcome;
                }))
                .start();
        messages = postroom.queueMessages();
        kit = PostroomKit.of(postroom);
    }

    @AfterEach
    void close() {
        other.shutdownNow();
        assertThat(Conservation.check(sql)).isEmpty();
        kit.reset();
        postroom.close();
    }

    private static CreateMessage message(int content, Deduplication deduplication) {
        return CreateMessage.to("sync").json(String.valueOf(content)).deduplicate("customer-42", deduplication);
    }

    private Created create(int content, Deduplication deduplication) {
        return messages.createMessage(message(content, deduplication));
    }

    private MessageState state(UUID id) {
        return messages.find(id).orElseThrow().entries().get(0).state();
    }

    // ---- until when

    @Test
    void key_until_the_end_is_held_while_the_message_waits_and_runs() {
        Deduplication untilEnd = Deduplication.untilEnd().keepFirst();
        Created first = create(1, untilEnd);
        Created waiting = create(2, untilEnd);
        assertThat(waiting.isNew()).isFalse();
        assertThat(waiting.id()).isEqualTo(first.id());
        assertThat(waiting.state()).contains(MessageState.READY);

        meanwhile = () -> create(3, untilEnd);
        kit.drain("sync");
        assertThat(createdMeanwhile.isNew()).isFalse();
        assertThat(createdMeanwhile.state()).contains(MessageState.IN_PROGRESS);

        meanwhile = () -> null;
        assertThat(create(4, untilEnd).isNew()).isTrue();
        kit.drain("sync");
        assertThat(handled).containsExactly("1", "4");
    }

    @Test
    void key_until_the_start_lets_one_message_wait_while_another_runs() {
        Deduplication untilStart = Deduplication.untilStart().keepFirst();
        create(1, untilStart);
        meanwhile = () -> {
            meanwhile = () -> null;
            Created second = create(2, untilStart);
            assertThat(create(3, untilStart).id()).isEqualTo(second.id());
            return second;
        };
        kit.drain("sync");
        assertThat(createdMeanwhile).isNull(); // of the second run
        assertThat(handled).containsExactly("1", "2");
    }

    @Test
    void message_that_is_tried_again_later_waits_again() {
        Deduplication untilStart = Deduplication.untilStart().keepFirst();
        Created first = create(1, untilStart);
        outcome = Outcome.snooze(MINUTE, "not yet");
        kit.drain("sync");
        assertThat(create(2, untilStart).id()).isEqualTo(first.id());
    }

    @Test
    void dead_letter_holds_its_key_until_it_is_purged_and_not_longer_than_its_end() {
        outcome = Outcome.reject("no");
        Created first = create(1, Deduplication.untilPurged());
        kit.drain("sync");
        assertThat(state(first.id())).isEqualTo(MessageState.DEAD);

        Created repeat = create(1, Deduplication.untilPurged());
        assertThat(repeat.isNew()).isFalse();
        assertThat(repeat.state()).contains(MessageState.DEAD);
        assertThatThrownBy(() -> create(2, Deduplication.untilPurged()))
                .isInstanceOf(DuplicateMessageException.class)
                .hasMessageContaining(first.id() + " (DEAD)");
        assertThat(create(2, Deduplication.untilEnd()).isNew()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void other_content_is_refused_while_the_key_is_held_unless_something_else_is_said(Deduplication.Until until) {
        Created first = create(1, Deduplication.DEFAULT);
        Deduplication refusing = new Deduplication(until, Deduplication.OnDuplicate.REFUSE);
        assertThat(create(1, refusing).id()).isEqualTo(first.id());
        assertThatThrownBy(() -> create(2, refusing)).isInstanceOf(DuplicateMessageException.class);
    }

    // ---- what a duplicate does

    @Test
    void replaced_message_is_cancelled_and_one_that_runs_is_not() {
        Deduplication replacing = Deduplication.untilEnd().replaceWaiting();
        Created first = create(1, replacing);
        Created second = messages.createMessage(message(2, replacing).delay(MINUTE));
        Created third = create(3, replacing);
        assertThat(List.of(first, second, third)).allMatch(Created::isNew);
        assertThat(state(first.id())).isEqualTo(MessageState.CANCELLED);
        assertThat(state(second.id())).isEqualTo(MessageState.CANCELLED);
        meanwhile = () -> create(4, replacing);
        kit.drain("sync");
        assertThat(createdMeanwhile.id()).isEqualTo(third.id());
        assertThat(createdMeanwhile.isNew()).isFalse();
        assertThat(handled).containsExactly("3");
    }

    @Test
    void rescheduled_message_waits_until_it_was_quiet_for_its_delay() {
        Deduplication quiet = Deduplication.untilStart().rescheduleWaiting();
        Created first = messages.createMessage(message(1, quiet).delay(MINUTE));
        kit.advance(Duration.ofSeconds(40));
        Created second = messages.createMessage(message(2, quiet).delay(MINUTE));
        assertThat(second.id()).isEqualTo(first.id());
        kit.advance(Duration.ofSeconds(40));
        assertThat(kit.drain("sync")).isZero();
        kit.advance(Duration.ofSeconds(20));
        kit.drain("sync");
        assertThat(handled).containsExactly("1");
    }

    /** The longest delay that a message may have. */
    @Test
    void message_is_put_off_by_400_days() {
        Deduplication quiet = Deduplication.untilStart().rescheduleWaiting();
        Created first = messages.createMessage(message(1, quiet).delay(Duration.ofDays(400)));
        assertThat(messages.createMessage(message(2, quiet).delay(Duration.ofDays(400)))
                        .id())
                .isEqualTo(first.id());
    }

    /** No job has ended it yet, but it will not run any more: a second message that is dropped for its sake is handled by nobody. */
    @ParameterizedTest
    @EnumSource(names = {"END", "START"})
    void message_that_outlived_its_time_holds_no_key(Deduplication.Until until) {
        Deduplication keeping = new Deduplication(until, Deduplication.OnDuplicate.KEEP);
        Created first = messages.createMessage(message(1, keeping).timeToLive(MINUTE));
        assertThat(create(2, keeping).isNew()).isFalse();
        sql.sql("UPDATE postroom.message SET expires_at = clock_timestamp() - interval '1 second' WHERE id = ?")
                .param(first.id())
                .update();
        assertThat(create(3, keeping).isNew()).isTrue();
        kit.drain("sync");
        assertThat(handled).containsExactly("3");
    }

    @Test
    void many_at_once_follow_the_same_rules_among_themselves() {
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        Deduplication keeping = Deduplication.untilStart().keepFirst();
        Created waiting = create(0, keeping);
        List<Created> created =
                messages.createMessages(List.of(message(1, keeping), message(2, replacing), message(3, keeping)));
        assertThat(created).extracting(Created::isNew).containsExactly(false, true, false);
        assertThat(created.get(0).id()).isEqualTo(waiting.id());
        assertThat(created.get(2).id()).isEqualTo(created.get(1).id());
        kit.drain("sync");
        assertThat(handled).containsExactly("2");
    }

    /** A client that repeats a call after a lost answer must not bring back what was replaced since. */
    @Test
    void late_repeat_of_a_replaced_message_replaces_nothing() {
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        CreateMessage old = message(1, replacing).id(MessageIds.next());
        messages.createMessage(old);
        Created newer = create(2, replacing);
        Created repeat = messages.createMessage(old);
        assertThat(repeat.isNew()).isFalse();
        assertThat(repeat.state()).contains(MessageState.CANCELLED);
        assertThat(state(newer.id())).isEqualTo(MessageState.READY);
        assertThat(sql.sql("SELECT is_new FROM postroom.create_message('sync', '1', message_id => :id,"
                                + " deduplication_key => 'customer-42', on_duplicate => 'replace')")
                        .param("id", old.id().orElseThrow())
                        .query(Boolean.class)
                        .single())
                .isFalse();
        assertThat(state(newer.id())).isEqualTo(MessageState.READY);
    }

    @Test
    void message_sent_at_once_keeps_to_its_key() {
        Deduplication untilEnd = Deduplication.untilEnd().keepFirst();
        create(1, untilEnd);
        assertThat(messages.sendMessageSync(message(2, untilEnd)).state()).isEqualTo(MessageState.READY);
        kit.drain("sync");
        assertThat(messages.sendMessageSync(message(3, untilEnd)).state()).isEqualTo(MessageState.DONE);
        assertThat(handled).containsExactly("1", "3");
    }

    @Test
    void queue_that_refuses_gives_a_replaced_message_back() throws SQLException {
        postroom.queues().declare(QueueSettings.of("full").maxLength(1, Overflow.REJECT));
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        CreateMessage toFull = CreateMessage.to("full").deduplicate("k", replacing);
        Created first = messages.createMessage(toFull.json("1"));
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            Created second = messages.createMessage(toFull.json("2"), open);
            assertThat(second.isNew()).as("it took the place of the first").isTrue();
            assertThatThrownBy(() ->
                            messages.createMessage(CreateMessage.to("full").json("3"), open))
                    .isInstanceOf(QueueFullException.class);
            open.rollback();
            assertThat(state(first.id())).isEqualTo(MessageState.READY);
        }
    }

    // ---- two transactions

    @Test
    void of_two_that_replace_at_once_the_later_commit_wins_alone() throws Exception {
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        create(1, replacing);
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            Created second = messages.createMessage(message(2, replacing), open);
            Future<Created> third = other.submit(() -> create(3, replacing));
            BlockedSessions.await(database.pool(), 1);
            open.commit();
            assertThat(third.get(30, TimeUnit.SECONDS).isNew()).isTrue();
            assertThat(state(second.id())).isEqualTo(MessageState.CANCELLED);
        }
        kit.drain("sync");
        assertThat(handled).containsExactly("3");
    }

    @Test
    void of_two_that_find_no_message_the_later_replaces_the_earlier() throws Exception {
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            messages.createMessage(message(1, replacing), open);
            Future<Created> second = other.submit(() -> create(2, replacing));
            BlockedSessions.await(database.pool(), 1);
            open.commit();
            assertThat(second.get(30, TimeUnit.SECONDS).isNew()).isTrue();
        }
        kit.drain("sync");
        assertThat(handled).containsExactly("2");
    }

    /** The dropped message may tell of a change that the first one reads when it runs: it must not run before that is committed. */
    @Test
    void message_does_not_start_between_the_look_and_the_commit_of_a_dropped_one() throws Exception {
        Deduplication untilStart = Deduplication.untilStart().keepFirst();
        Created first = create(1, untilStart);
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            assertThat(messages.createMessage(message(2, untilStart), open).isNew())
                    .isFalse();
            assertThat(kit.drain("sync")).as("while it is open").isZero();
            open.commit();
        }
        kit.drain("sync");
        assertThat(handled).containsExactly("1");
        assertThat(state(first.id())).isEqualTo(MessageState.DONE);
    }

    @Test
    void message_whose_cancel_is_open_does_not_hold_back_the_next() throws Exception {
        Deduplication untilStart = Deduplication.untilStart().keepFirst();
        Created first = create(1, untilStart);
        try (Connection open = database.connect();
                PreparedStatement cancel = open.prepareStatement("SELECT postroom.cancel(?)")) {
            open.setAutoCommit(false);
            cancel.setObject(1, first.id());
            cancel.execute();
            assertThat(other.submit(() -> create(2, untilStart))
                            .get(30, TimeUnit.SECONDS)
                            .isNew())
                    .isTrue();
            open.rollback();
        }
        kit.drain("sync");
        assertThat(handled).containsExactlyInAnyOrder("1", "2");
    }
}
