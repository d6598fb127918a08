package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.BulkSettings;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.DeadLetterPreview;
import io.postroom.api.MessageFilter;
import io.postroom.api.OperationStatus;
import io.postroom.api.Overflow;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.DeadLetterStore;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.OperationSteps;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

/** Redrives and discards of many dead letters: each test loses without the step it is about. */
@PostgresTest
class OperationTest extends OrderSteps {
    private static final Reason REASON = Reason.of("the server is back").by("ann");
    private static final BulkSettings AT_ONCE =
            BulkSettings.because(REASON).perSecond(1_000_000).canary(0, 0);

    private final DeadLetterStore letters = fixture.stores.deadLetters();
    private final DeadLetterFilter mine = DeadLetterFilter.queue(fixture.queue.name());

    private final TestDatabase database;

    OperationTest(TestDatabase database) {
        super(database);
        this.database = database;
    }

    @AfterEach
    void endOperations() {
        letters.operations(1000).forEach(operation -> letters.stop(operation.id(), REASON));
    }

    // ---- steps

    private List<UUID> deadLetters(int count, String error) {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            ids.add(fixture.enqueue());
        }
        kill(error);
        return ids;
    }

    private void kill(String error) {
        fixture.stores
                .leases()
                .complete(
                        fixture.worker,
                        fixture.claim(100).stream()
                                .map(message -> dead(message, error))
                                .toList());
    }

    private OperationSteps step() {
        return fixture.stores.jobs().stepOperations(Duration.ofSeconds(1));
    }

    private static int moved(OperationSteps steps) {
        return steps.arrivals().stream().mapToInt(Arrival::count).sum();
    }

    private OperationStatus status(UUID operation) {
        return letters.operation(operation).orElseThrow();
    }

    private void assertStands(UUID operation, String state, long processed, long failed) {
        OperationStatus status = status(operation);
        assertThat(List.of(status.state(), status.processed(), status.failed()))
                .containsExactly(state, processed, failed);
    }

    private static String stepSql(UUID operation) {
        return "SELECT count(*) FROM postroom.step_operation('" + operation + "', '1 second')";
    }

    /** Lets the rate allow more, without a wait. */
    private void passTime(UUID operation) {
        fixture.execute("UPDATE postroom.operation SET stepped_at = stepped_at - interval '1 minute' WHERE id = '"
                + operation + "'");
    }

    // ---- what it moves

    @Test
    void redrive_moves_what_matches_at_its_rate_and_ends() {
        deadLetters(30, "timeout");
        List<UUID> others = deadLetters(2, "other");
        UUID operation = letters.redrive(
                mine.withFingerprint(Failure.of("timeout").fingerprint()),
                BulkSettings.because(REASON).perSecond(20).canary(0, 0));
        assertThat(status(operation).planned()).isEqualTo(30);
        fixture.execute("UPDATE postroom.operation SET stepped_at = clock_timestamp() WHERE id = '" + operation + "'");
        int first = moved(step());
        assertThat(first).as("at once only what its short life allows").isBetween(1, 19);
        passTime(operation);
        assertThat(moved(step())).as("no burst after a pause").isLessThanOrEqualTo(20);
        while (status(operation).finishedAt().isEmpty()) {
            passTime(operation);
            step();
        }
        assertStands(operation, "finished", 30, 0);
        assertThat(step().underWay()).isFalse();
        assertThat(fixture.places(others.get(0))).containsExactly("dead");
        assertThat(fixture.claim(100))
                .hasSize(30)
                .allMatch(message -> message.counters().failures() == 0);
        assertThat(fixture.texts("SELECT concat_ws('|', action, actor = 'ann', planned, done, reason, note)"
                        + " FROM postroom.operator_log WHERE operation_id = '" + operation + "' ORDER BY at"))
                .containsExactly("redrive|t|30|0|the server is back", "end_operation|f|30|30|finished, 0 failed");
    }

    @Test
    void letters_that_die_after_the_beginning_or_again_are_left_alone() {
        List<UUID> first = deadLetters(3, "x");
        UUID operation = letters.redrive(mine, AT_ONCE.perSecond(1));
        List<UUID> later = deadLetters(1, "x");
        while (status(operation).finishedAt().isEmpty()) {
            passTime(operation);
            step();
            kill("again");
        }
        assertStands(operation, "finished", 3, 0);
        assertThat(later).allMatch(id -> fixture.places(id).equals(List.of("dead")));
        assertThat(fixture.number(
                        "SELECT count(*) FROM postroom.message_history WHERE outcome = 'failed' AND message_id = '"
                                + first.get(0) + "'"))
                .as("one redrive")
                .isEqualTo(2);
    }

    @Test
    void letter_whose_queue_is_deleted_or_full_stays_and_the_others_go_on() {
        deadLetters(4, "x");
        UUID waiting = fixture.enqueue();
        declared(QueueSettings.of(fixture.queue.name()).maxLength(3, Overflow.REJECT));
        UUID full = letters.redrive(mine, AT_ONCE);
        step();
        assertStands(full, "finished", 2, 2);
        assertThat(status(full).note()).contains("queue \"" + fixture.queue.name() + "\" is full");
        assertThat(fixture.places(waiting)).containsExactly("ready");

        fixture.stores.operator().delete(fixture.queue.name(), false, false);
        UUID deleted = letters.redrive(mine, AT_ONCE);
        step();
        assertStands(deleted, "finished", 0, 2);
        assertThat(status(deleted).note()).contains("queue \"" + fixture.queue.name() + "\" was deleted");
        UUID discarded = letters.discard(mine, AT_ONCE);
        step();
        assertStands(discarded, "finished", 2, 0);
    }

    @Test
    void discard_of_many_lets_blocked_groups_go_on() {
        declared(QueueSettings.of(queue.name()).onDeadLetter(OnDeadLetter.BLOCK));
        ClaimedMessage first = claimOnly(send("a"));
        UUID second = send("a");
        complete(dead(first, "x"));
        assertThat(claim()).isEmpty();
        UUID operation = letters.discard(DeadLetterFilter.queue(queue.name()), AT_ONCE);
        step();
        assertStands(operation, "finished", 1, 0);
        assertThat(fixture.places(first.id())).containsExactly("finished");
        complete(done(claimOnly(second)));
    }

    // ---- the canary

    @Test
    void redrive_stops_when_too_many_of_its_canary_die_again() {
        deadLetters(6, "x");
        UUID operation = letters.redrive(mine, AT_ONCE.canary(3, 1));
        assertThat(moved(step())).isEqualTo(3);
        assertThat(moved(step())).as("it waits").isZero();
        assertThat(status(operation).waitsForCanary()).isTrue();
        List<ClaimedMessage> canary = fixture.claim(10);
        fixture.stores.leases().complete(fixture.worker, List.of(dead(canary.get(0), "again")));
        step();
        assertThat(status(operation).state()).as("as many as allowed").isEqualTo("running");
        fixture.stores.leases().complete(fixture.worker, List.of(dead(canary.get(1), "again")));
        step();
        assertStands(operation, "stopped_by_canary", 3, 0);
        assertThat(status(operation).note()).contains("2 of the first 3 died again");
        fixture.stores.leases().complete(fixture.worker, List.of(done(canary.get(2))));
    }

    @Test
    void redrive_goes_on_when_its_canary_has_ended_well() {
        deadLetters(6, "x");
        UUID operation = letters.redrive(mine, AT_ONCE.canary(3, 1));
        step();
        List<ClaimedMessage> canary = fixture.claim(10);
        Completion noted = done(canary.get(0)).withNote("; went on through exchange \"x\"");
        fixture.stores.leases().complete(fixture.worker, List.of(noted, dead(canary.get(1), "again")));
        assertThat(moved(step())).as("one is still in progress").isZero();
        fixture.stores.leases().complete(fixture.worker, List.of(done(canary.get(2))));
        assertThat(moved(step())).isEqualTo(3);
        assertStands(operation, "finished", 6, 0);
    }

    // ---- beside others

    @Test
    void step_of_a_process_that_dies_is_done_once_by_another() throws Exception {
        deadLetters(5, "x");
        UUID operation = letters.redrive(mine, AT_ONCE);
        Connection dying = begin();
        text(dying, stepSql(operation));
        assertThat(moved(step())).as("another process skips it").isZero();
        dying.rollback();
        assertStands(operation, "running", 0, 0);
        assertThat(moved(step())).isEqualTo(5);
        assertStands(operation, "finished", 5, 0);
        assertThat(fixture.claim(10)).hasSize(5);
    }

    @Test
    void stop_waits_for_the_step_and_nothing_moves_after_it() throws Exception {
        deadLetters(5, "x");
        UUID operation = letters.redrive(mine, AT_ONCE.canary(2, 0));
        Connection stepping = begin();
        text(stepping, stepSql(operation));
        Future<Boolean> stop = threads.submit(() -> letters.stop(operation, REASON));
        awaitWaiting();
        stepping.commit();
        assertThat(answer(stop)).isTrue();
        assertStands(operation, "stopped", 2, 0);
        assertThat(moved(step())).isZero();
        assertThat(letters.stop(operation, REASON)).as("a repeat").isFalse();
    }

    @ParameterizedTest
    @CsvSource({"redrive,commit", "redrive,rollback", "discard,commit", "discard,rollback"})
    void operation_waits_for_a_single_verb_and_takes_what_that_leaves(String verb, String end) throws Exception {
        List<UUID> ids = deadLetters(3, "x");
        UUID operation = letters.redrive(mine, AT_ONCE);
        Connection single = begin();
        text(
                single,
                "SELECT postroom." + verb + "('" + ids.get(1) + "'" + (verb.equals("discard") ? ", 'no use')" : ")"));
        Future<OperationSteps> stepping = threads.submit(this::step);
        awaitWaiting();
        if (end.equals("commit")) {
            single.commit();
        } else {
            single.rollback();
        }
        answer(stepping);
        assertStands(operation, "finished", end.equals("commit") ? 2 : 3, 0);
        assertThat(status(operation).note().isPresent()).isEqualTo(end.equals("commit"));
    }

    @Test
    void second_operation_on_the_same_letters_finds_nothing_left_and_says_so() {
        deadLetters(3, "x");
        UUID first = letters.redrive(mine, AT_ONCE);
        UUID second = letters.discard(mine, AT_ONCE);
        step();
        assertStands(first, "finished", 3, 0);
        assertStands(second, "finished", 0, 0);
        assertThat(status(second).note()).contains("3 of 3 had left before their turn");
        UUID third = letters.redrive(mine, AT_ONCE);
        assertThat(status(third).note()).contains("no dead letter matched");
    }

    // ---- filters

    @Test
    void preview_counts_shows_the_first_and_groups_by_fingerprint() {
        List<UUID> ids = deadLetters(12, "timeout");
        deadLetters(1, "other");
        DeadLetterPreview preview = letters.preview(mine.reason("attempts_spent"));
        assertThat(preview.count()).isEqualTo(13);
        assertThat(preview.more()).isFalse();
        assertThat(preview.first())
                .extracting(DeadLetterPreview.Letter::id)
                .containsExactlyElementsOf(ids.subList(0, 10));
        assertThat(preview.fingerprints())
                .extracting(DeadLetterPreview.Fingerprint::count)
                .containsExactly(12L, 1L);
        assertThat(letters.preview(DeadLetterFilter.queue("#").withFingerprint("none"))
                        .count())
                .isZero();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{}|filter must be one condition at least, or {\"all\": true}",
                "[]|filter must be a JSON object",
                "{\"all\": false}|all must be true",
                "{\"all\": true, \"type\": \"x\"}|filter must be conditions, or \"all\" alone",
                "{\"quene\": \"x\"}|filter must be an object with members of all, queue",
                "{\"type\": 1}|type must be a text",
                "{\"deadTo\": \"2027-01-31T12:00:00\"}|deadTo must be an instant with a zone",
                "{\"deadTo\": \"2027-02-31T12:00:00Z\"}|deadTo must be an instant with a zone",
                "{\"headers\": \"a=b\"}|headers must be a JSON object",
                "{\"headers\": {}}|headers must be one header at least, or left out",
                "{\"headers\": {\"\": \"a\"}}|headers must be names of 1 to 100 of A-Z a-z 0-9 . _ -",
                "{\"headers\": {\"a\": 7}}|headers must be texts",
                "{\"fingerprint\": \"a\\nb\"}|fingerprint must be no control characters"
            })
    void unfit_filter_is_refused_by_preview_and_operation(String filter, String expected) {
        assertThatThrownBy(() -> letters.preview(DeadLetterFilter.json(filter))).hasMessageContaining(expected);
        assertThatThrownBy(() -> letters.redrive(DeadLetterFilter.json(filter), AT_ONCE))
                .hasMessageContaining(expected);
        assertThatThrownBy(() -> letters.discard(DeadLetterFilter.json(filter), AT_ONCE))
                .hasMessageContaining(expected);
    }

    @Test
    void operation_by_headers_moves_the_letters_that_have_all_of_them() {
        UUID one = fixture.enqueue(fixture.message().headers("{\"from\": \"a\\\"=b\", \"n\": \"1\"}"))
                .id();
        fixture.enqueue(fixture.message().headers("{\"from\": \"a\", \"n\": \"1\"}"));
        fixture.enqueue();
        kill("timeout");
        DeadLetterFilter wanted = mine.header("n", "1").header("from", "a\"=b");
        assertThat(letters.preview(mine.header("n", "1")).count()).isEqualTo(2);
        assertThat(letters.preview(wanted).first())
                .extracting(DeadLetterPreview.Letter::id)
                .containsExactly(one);
        UUID operation = letters.discard(wanted, AT_ONCE);
        step();
        assertStands(operation, "finished", 1, 0);
        assertThat(status(operation).filter()).contains("headers", "from");
        assertThat(letters.preview(mine).count()).isEqualTo(2);
    }

    @Test
    void header_of_a_filter_is_refused_by_its_limits() {
        for (String name : new String[] {"", "a b", "-a", "a".repeat(101)}) {
            assertThatThrownBy(() -> mine.header(name, "1"))
                    .hasMessageContaining("headers must be names of 1 to 100 of A-Z a-z 0-9 . _ -");
            assertThatThrownBy(() -> MessageFilter.all().header(name, "1"))
                    .hasMessageContaining("headers must be names of 1 to 100 of A-Z a-z 0-9 . _ -");
        }
        assertThatThrownBy(() -> mine.header("a", "x".repeat(8 * 1024)))
                .hasMessageContaining("headers must be at most 8192 bytes in all");
        assertThatThrownBy(() -> mine.header("a", "b\nc"))
                .hasMessageContaining("headers must be no control characters");
        assertThatThrownBy(() -> DeadLetterFilter.json("{\"queue\": \"mail\"}").header("a", "b"))
                .hasMessageContaining("headers must be left out beside a filter that is given as JSON");
    }

    @Test
    void nothing_is_added_to_a_filter_that_is_given_as_json() {
        DeadLetterFilter given = DeadLetterFilter.json("{ \"queue\": \"mail\" }");
        assertThatThrownBy(() -> given.type("a"))
                .hasMessageContaining("type must be left out beside a filter that is given as JSON");
    }

    @Test
    @NotThroughPooler("PgBouncer leaves out the parameter options of a connection")
    void operation_that_waits_for_a_lock_holds_up_no_other() throws Exception {
        List<UUID> held = deadLetters(1, "held");
        List<UUID> free = deadLetters(1, "free");
        letters.discard(mine.withFingerprint(Failure.of("held").fingerprint()), AT_ONCE);
        UUID other = letters.discard(mine.withFingerprint(Failure.of("free").fingerprint()), AT_ONCE);
        Connection person = begin();
        text(person, "SELECT postroom.redrive('" + held.get(0) + "')");
        JobStore impatient = PostgresStores.on(withLockTimeout()).jobs();
        assertThatThrownBy(() -> impatient.stepOperations(Duration.ofSeconds(1)))
                .isInstanceOf(StoreException.class);
        assertStands(other, "finished", free.size(), 0);
        person.rollback();
    }

    /** Connections as those of an engine are, which wait for a lock for a limited time. */
    private DataSource withLockTimeout() {
        PGSimpleDataSource connections = new PGSimpleDataSource();
        connections.setUrl(database.url());
        connections.setUser(database.user());
        connections.setPassword(database.password());
        connections.setOptions("-c lock_timeout=100ms");
        return connections;
    }

    @Test
    void preview_of_a_filter_that_matches_little_looks_at_a_bounded_number() {
        fixture.execute("""
                INSERT INTO postroom.dead_letter (
                    queue_id, message_id, dead_at, priority, failures, crashes, deliveries, reason, error_class)
                SELECT %d, gen_random_uuid(), now() - interval '1 day', 5, 1, 0, 1, 'rejected', 'straw'
                FROM generate_series(1, 100001)""".formatted(fixture.queue.id()));
        DeadLetterPreview preview = letters.preview(
                DeadLetterFilter.json("{\"queue\": \"" + fixture.queue.name() + "\", \"errorClass\": \"needle\"}"));
        assertThat(preview.count()).isZero();
        assertThat(preview.more()).as("it stopped before it saw all").isTrue();
        fixture.execute("DELETE FROM postroom.dead_letter WHERE error_class = 'straw'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"no-such-queue", "no-such.#"})
    void filter_of_an_unknown_queue_is_refused(String name) {
        assertThatThrownBy(() -> letters.redrive(DeadLetterFilter.queue(name), AT_ONCE))
                .isInstanceOf(QueueNotFoundException.class)
                .hasMessageContaining(name);
    }

    @Test
    void unknown_operation_is_refused_by_stop() {
        assertThatThrownBy(() -> letters.stop(new UUID(0, 0), REASON))
                .hasMessageContaining("operation must be one that exists");
    }
}
