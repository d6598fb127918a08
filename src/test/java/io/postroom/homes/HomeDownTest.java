package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.api.CreateMessage;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.api.Schedule;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;

/** One of two homes goes away after the start: it is named, and the other one goes on. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomeDownTest {
    private static final MessageFilter ALL = MessageFilter.all();
    private static final List<Handler> MAIL =
            List.of(Handler.send("mail", String.class, (payload, context) -> Outcome.done()));
    private static final Schedule NEVER = Schedule.every("never", Duration.ofDays(300))
            .message(CreateMessage.to("mail").payload("x"));

    private final TestDatabase first;
    private final TestDatabase second = TestDatabase.create();
    private final TcpProxy proxy = TcpProxy.to(second.host(), second.port());
    private final TestDatabase through = second.through(proxy);
    private final HikariDataSource impatient = HomesStartTest.impatient(through);
    private PostroomHomes homes;
    private QueueMessages messages;
    private UUID onFirst;
    private UUID onSecond;

    HomeDownTest(TestDatabase database) {
        first = database;
    }

    @BeforeAll
    void start() {
        homes = PostroomHomes.on(Map.of("a", first.pool(), "b", impatient))
                .rules(HomeRules.allOn("a").queue("mail", "b").parts("orders", "a", "b"))
                .each((home, builder) -> builder.workers(false))
                .timeLimit(Duration.ofSeconds(3))
                .start();
        messages = homes.queueMessages();
        onFirst = messages.createMessage("calls", "x").id();
        onSecond = messages.createMessage("mail", "x").id();
    }

    @AfterEach
    void backAgain() {
        proxy.cutAll();
        proxy.resume();
        await().atMost(Duration.ofSeconds(60))
                .ignoreExceptions()
                .until(() -> messages.find(onSecond).isPresent());
    }

    @AfterAll
    void stop() throws Exception {
        homes.close();
        impatient.close();
        through.close();
        proxy.close();
        second.close();
    }

    private void goDown() {
        proxy.refuseNew();
        proxy.cutAll();
    }

    @Test
    void creating_there_names_the_home_and_elsewhere_goes_on() {
        goDown();
        assertThatThrownBy(() -> messages.createMessage("mail", "x"))
                .isInstanceOf(HomeDownException.class)
                .hasMessageStartingWith("home \"b\" is down: ")
                .satisfies(failed -> {
                    assertThat(((StoreException) failed).mayPass()).isTrue();
                    assertThat(((HomeDownException) failed).homes()).containsExactly("b");
                });
        assertThat(messages.createMessage("calls", "y").isNew()).isTrue();
        assertThatThrownBy(() -> messages.createMessageAsync(
                                CreateMessage.to("mail").payload("x"))
                        .join())
                .hasStackTraceContaining("home \"b\" is down: ");
        String there = "g";
        String elsewhere = "g";
        while (homes.rules().homeOf("orders", there).home().equals("a")) {
            there += "x";
        }
        while (homes.rules().homeOf("orders", elsewhere).home().equals("b")) {
            elsewhere += "y";
        }
        CreateMessage ofPart = CreateMessage.to("orders").group(there).payload("x");
        assertThatThrownBy(() -> messages.createMessage(ofPart)).isInstanceOf(HomeDownException.class);
        assertThat(messages.createMessage(ofPart.group(elsewhere)).isNew()).isTrue();
    }

    @Test
    void what_the_others_have_is_found_and_the_home_that_might_have_the_rest_is_named() {
        goDown();
        assertThat(messages.find(onFirst)).isPresent();
        assertThat(messages.history(onFirst)).as("nobody has claimed it").isEmpty();
        assertThat(messages.explain(onFirst)).isNotEmpty();
        UUID unknown = MessageIds.next();
        assertThatThrownBy(() -> messages.find(unknown))
                .isInstanceOf(HomeDownException.class)
                .hasMessageStartingWith("could not find message " + unknown + ": home \"b\" is down: ");
        assertThatThrownBy(() -> messages.cancel(onSecond))
                .isInstanceOf(HomeDownException.class)
                .hasMessageContaining("cancel message");
        assertThat(messages.cancel(messages.createMessage("calls", "z").id())).isOne();

        HomeAnswers<Message> found = homes.find(ALL);
        assertThat(found.found()).extracting(Message::id).contains(onFirst).doesNotContain(onSecond);
        assertThat(found.down()).containsOnlyKeys("b");
        assertThat(found.isWhole()).isFalse();
        assertThatThrownBy(() -> found.whole("list messages"))
                .isInstanceOf(HomeDownException.class)
                .hasMessageStartingWith("could not list messages: home \"b\" is down: ");
        assertThat(messages.find(MessageFilter.queue("calls")))
                .as("a queue of another home does not need it")
                .isNotEmpty();
    }

    @Test
    void home_that_hangs_holds_up_a_question_no_longer_than_the_time_limit() {
        proxy.swallow();
        assertThat(messages.find(onFirst)).isPresent();
        HomeAnswers<Message> found = homes.find(ALL);
        assertThat(found.found()).extracting(Message::id).contains(onFirst);
        assertThat(found.down().get("b")).hasMessageContaining("home \"b\" is down: it gave no answer within 3000 ms");
    }

    @Test
    void question_that_fails_on_a_home_that_is_up_is_no_home_that_is_down() {
        assertThatThrownBy(() -> homes.ask(home -> {
                    throw new IllegalStateException("the question's own");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the question's own");
    }

    // ---- handlers of a home that is down for a while

    private DefaultPostroomHomes prepared() {
        return PostroomHomes.on(Map.of("a", first.pool(), "b", impatient))
                .rules(homes.rules())
                .timeLimit(Duration.ofSeconds(3))
                .prepare();
    }

    private static void awaitHandled(PostroomHomes homes) {
        PostroomKit.of(homes.home("b"))
                .await(homes.queueMessages().createMessage("mail", "x").id(), MessageState.DONE);
    }

    @Test
    void handlers_given_while_the_home_was_down_begin_with_the_next_start_of_the_workers() {
        goDown();
        try (DefaultPostroomHomes late = prepared()) {
            late.startWorkers(MAIL);
            late.stopWorkers(Duration.ZERO);
            proxy.resume();
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> late.states().get(1).isUp());
            late.startWorkers(List.of());
            awaitHandled(late);
        }
    }

    @Test
    void home_that_goes_down_between_the_halves_of_a_start_fails_no_start_and_begins_later() {
        try (DefaultPostroomHomes halves = prepared()) {
            goDown();
            halves.startWorkers(MAIL);
            halves.declare(NEVER);
            assertThat(halves.problems())
                    .anyMatch(problem ->
                            problem.startsWith("home \"b\": its handlers and schedules have not begun yet: "));
            assertThat(halves.queueMessages().createMessage("calls", "x").isNew())
                    .isTrue();
            proxy.resume();
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> halves.states().get(1).problems().isEmpty());
            awaitHandled(halves);
            assertThat(halves.home("b").schedules().find("never")).isPresent();
        }
    }

    /** The race of a stop with the end of a start: the handlers begin, and no engine can be seen yet. */
    @Test
    void stop_that_comes_while_a_home_begins_to_work_stops_its_handlers() throws Exception {
        goDown();
        try (DefaultPostroomHomes late = prepared();
                Connection other = second.connect();
                Statement statement = other.createStatement()) {
            late.startWorkers(MAIL);
            other.setAutoCommit(false);
            statement.execute("LOCK TABLE postroom.consumer IN SHARE MODE");
            proxy.resume();
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> JdbcClient.create(second.pool())
                            .sql("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
                                    + " AND wait_event_type = 'Lock' AND query LIKE '%name: announce%')")
                            .query(Boolean.class)
                            .single());
            late.stopWorkers(Duration.ZERO);
            other.rollback();
            late.declare(NEVER); // waits for the end of the start
            late.queueMessages().createMessage("mail", "x");
            assertThat(PostroomKit.of(late.home("b")).drain("mail"))
                    .as("nobody else takes it")
                    .isPositive();
        }
    }
}
