package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.Ledger;
import io.postroom.api.LedgerCheck;
import io.postroom.internal.postgres.admin.PostgresLedger;
import io.postroom.testing.LedgerLines;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The ledger of operator acts: what it refuses, how its lines are chained, and which changes of an owner the check finds. */
@PostgresTest
@Timeout(60)
class LedgerTest {
    private static final String ACT =
            "INSERT INTO postroom.operator_action (action, note, finished_at) VALUES ('declare', '%s', now())";
    private static final String SEAL = "SELECT postroom.seal_ledger(1000)";

    private final TestDatabase database;
    private final JdbcClient sql;
    private final List<Connection> opened = new ArrayList<>();

    LedgerTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    @BeforeEach
    void removeLines() {
        LedgerLines.removeAll(sql);
    }

    @AfterEach
    void close() throws SQLException {
        for (Connection connection : opened) {
            connection.close();
        }
    }

    // ---- steps

    private void act(String note) {
        sql.sql(ACT.formatted(note)).update();
    }

    private int seal() {
        return sql.sql(SEAL).query(Integer.class).single();
    }

    /** Three lines with the numbers 1 to 3. */
    private void threeSealedLines() {
        act("first");
        act("second");
        act("third");
        assertThat(seal()).isEqualTo(3);
    }

    private Map<String, Object> check() {
        return sql.sql("SELECT * FROM postroom.check_ledger()").query().singleRow();
    }

    private Map<String, Object> checkKnowing(long number, String hash) {
        return sql.sql("SELECT * FROM postroom.check_ledger(?, ?)")
                .params(number, hash)
                .query()
                .singleRow();
    }

    private List<String> numbered() {
        return sql.sql(
                        "SELECT number || ' ' || note FROM postroom.operator_log WHERE number IS NOT NULL ORDER BY number")
                .query(String.class)
                .list();
    }

    /** A session with an open transaction. It waits for no lock, so that a test fails that would hang. */
    private Statement begin() throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        opened.add(connection);
        Statement statement = connection.createStatement();
        statement.execute("SET lock_timeout = '1s'");
        return statement;
    }

    private static int sealOn(Statement session) throws SQLException {
        try (var row = session.executeQuery(SEAL)) {
            row.next();
            return row.getInt(1);
        }
    }

    // ---- what it refuses

    @ParameterizedTest
    @ValueSource(
            strings = {
                "UPDATE postroom.operator_action SET note = 'nothing happened'",
                "UPDATE postroom.operator_action SET number = 9, hash = '', sealed_at = now(), actor = 'bob'",
                "DELETE FROM postroom.operator_action",
                "TRUNCATE postroom.operator_action"
            })
    void line_is_neither_changed_nor_removed_before_and_after_it_is_sealed(String change) {
        act("first");
        assertThatThrownBy(() -> sql.sql(change).update())
                .rootCause()
                .hasMessageContaining("operator_action is a ledger: its lines are neither changed nor removed");
        seal();
        assertThatThrownBy(() -> sql.sql(change).update())
                .rootCause()
                .hasMessageContaining("operator_action is a ledger: its lines are neither changed nor removed");
        assertThat(numbered()).containsExactly("1 first");
    }

    @Test
    void seal_is_neither_changed_nor_taken_away() {
        act("first");
        seal();
        assertThatThrownBy(() -> sql.sql(
                                "UPDATE postroom.operator_action SET number = NULL, hash = NULL, sealed_at = NULL")
                        .update())
                .rootCause()
                .hasMessageContaining("operator_action is a ledger");
        assertThatThrownBy(() -> sql.sql("UPDATE postroom.operator_action SET hash = sha256('')")
                        .update())
                .rootCause()
                .hasMessageContaining("operator_action is a ledger");
    }

    @Test
    void new_line_brings_no_seal_no_time_and_no_login_of_its_own() {
        assertThatThrownBy(() -> sql.sql("INSERT INTO postroom.operator_action (action, number, hash, sealed_at)"
                                + " VALUES ('pause', 1, '', now())")
                        .update())
                .hasMessageContaining("number, hash and sealed_at of a new line of operator_action must be left out");
        sql.sql("INSERT INTO postroom.operator_action (action, at, db_user) VALUES ('pause', '2020-01-01', 'bob')")
                .update();
        assertThat(sql.sql(
                                "SELECT db_user = session_user AND at > now() - interval '1 hour' FROM postroom.operator_log")
                        .query(Boolean.class)
                        .single())
                .isTrue();
    }

    @Test
    void line_is_sealed_as_the_next_of_the_chain_or_not_at_all() {
        act("first");
        seal();
        act("second");
        for (String forged : List.of(
                "number = 9223372036854775807, hash = sha256('')",
                "number = 2, hash = sha256('')",
                "number = 3, hash = postroom.ledger_hash(o, (SELECT b.hash FROM postroom.operator_action b WHERE b.number = 1))")) {
            assertThatThrownBy(() -> sql.sql("UPDATE postroom.operator_action o SET sealed_at = now(), " + forged
                                    + " WHERE o.number IS NULL")
                            .update())
                    .as(forged)
                    .rootCause()
                    .hasMessageContaining("must follow that of the line before it");
        }
        assertThat(seal()).isEqualTo(1);
        assertThat(check().get("problem")).isNull();
    }

    @Test
    void line_that_could_never_be_sealed_is_refused() {
        assertThatThrownBy(() -> sql.sql(
                                "INSERT INTO postroom.operator_action (action, finished_at) VALUES ('pause', 'infinity')")
                        .update())
                .hasMessageContaining("finished_at of operator_action must be a moment, not infinity");
    }

    // ---- changes of settings

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "set_limiter('kept', max_starts => 5, period => '1 second', R) | declare | limiter, 5 starts in 00:00:01, sliding",
                "set_limiter(destination => 'bank', max_in_progress => 5, R) | declare | limiter, destination bank, sliding, 5 in progress",
                "remove_limiter('limited', R) | declare | no limiter",
                "set_destination('kept', 'bank', R) | declare | destination none -> bank, destination by default -> operator",
                "unpark('parked', R) | unpark | destination parked",
                "set_fair('kept', true, R) | declare | fair false -> true",
                "set_group_weight('turns', 'acme', 3, R) | declare"
                        + "| weight of group \"acme\" 1 -> 3, weights by default -> operator",
                "set_ordered('kept', true, R) | declare | ordered false -> true",
                "set_settings('billing', '{\"channel\": \"http\"}', R) | declare | settings billing, version 1",
                "delete_settings('old', R) | delete | settings old"
            })
    void change_of_settings_is_on_record_with_reason_and_person(String call, String action, String note)
            throws SQLException {
        sql.sql("""
                SELECT postroom.declare_queue('kept'), postroom.declare_queue('limited'), postroom.declare_queue('turns'),
                       postroom.set_fair('turns', true), postroom.set_limiter('limited', max_in_progress => 1),
                       postroom.set_destination('limited', 'parked'), postroom.park('parked', 60000000),
                       postroom.set_settings('old', '{"channel": "http"}')
                """).query().singleRow();
        LedgerLines.removeAll(sql);
        Statement session = begin(); // taken back, so that each call finds the same
        session.execute("SELECT postroom." + call.replace("R)", "reason => 'the bank asked', actor => 'ann')"));
        try (var lines = session.executeQuery("SELECT actor, action, note, reason FROM postroom.operator_log")) {
            assertThat(lines.next()).isTrue();
            assertThat(List.of(lines.getString(1), lines.getString(2), lines.getString(3), lines.getString(4)))
                    .containsExactly("ann", action, note, "the bank asked");
            assertThat(lines.next()).as("a second line").isFalse();
        }
        assertThatThrownBy(() -> session.execute("SELECT postroom." + call.replace("R)", "reason => ' ')")))
                .hasMessageContaining("reason must be 1 to 200 characters");
        session.getConnection().rollback();
    }

    // ---- in Java

    @Test
    void java_names_the_first_line_that_was_changed_and_the_end_to_keep() {
        threeSealedLines();
        Ledger ledger = new PostgresLedger(database.pool());
        LedgerCheck whole = ledger.check();
        assertThat(whole.isWhole()).isTrue();
        assertThat(whole.lines()).isEqualTo(3);
        assertThat(whole.lastNumber()).hasValue(3L);
        String end = whole.lastHash().orElseThrow();
        assertThat(ledger.check(3, end).isWhole()).isTrue();

        LedgerLines.unguarded(sql, "UPDATE postroom.operator_action SET actor = 'bob' WHERE number = 2");
        LedgerCheck broken = ledger.check();
        assertThat(broken.isWhole()).isFalse();
        assertThat(broken.brokenNumber()).hasValue(2L);
        assertThat(broken.brokenId()).isPresent();
        assertThat(broken.problem()).hasValue("it was changed, or its place in the chain was");

        LedgerLines.unguarded(sql, "DELETE FROM postroom.operator_action WHERE number >= 2");
        assertThat(ledger.check().isWhole())
                .as("of the end that is gone nothing tells")
                .isTrue();
        assertThat(ledger.check(3, end).problem()).hasValue("it is missing; the last line is 1");
        assertThat(ledger.check(3, end).brokenId()).isEmpty();
    }

    @Test
    void java_refuses_an_end_that_no_check_can_have_answered() {
        Ledger ledger = new PostgresLedger(database.pool());
        assertThatThrownBy(() -> ledger.check(0, "0".repeat(64))).hasMessageContaining("knownNumber must be");
        assertThatThrownBy(() -> ledger.check(1, "0".repeat(63))).hasMessageContaining("knownHash must be 64 hex");
    }

    // ---- the chain

    @Test
    void lines_are_chained_and_an_unsealed_tail_is_said() {
        threeSealedLines();
        act("fourth");
        Map<String, Object> found = check();
        assertThat(found)
                .containsEntry("lines", 3L)
                .containsEntry("unsealed", 1L)
                .containsEntry("last_number", 3L);
        assertThat(found.get("unsealed_since")).isNotNull();
        assertThat(found.get("problem")).isNull();
        assertThat(seal()).isOne();
        assertThat(seal()).as("nothing is left").isZero();
        assertThat(numbered()).containsExactly("1 first", "2 second", "3 third", "4 fourth");
        assertThat(checkKnowing(3, (String) found.get("last_hash")).get("problem"))
                .isNull();
    }

    @Test
    void process_with_workers_seals_what_was_done() {
        act("first");
        try (Postroom postroom = Postroom.on(database.pool()).start()) {
            await().atMost(Duration.ofSeconds(40)).until(() -> numbered().contains("1 first"));
            assertThat(check().get("problem")).isNull();
        }
    }

    @Test
    void check_answers_the_same_whatever_is_set_in_a_session() throws SQLException {
        threeSealedLines();
        Statement session = begin();
        session.execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'ISO, DMY'; SET bytea_output = 'escape';"
                + " SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 0");
        try (var row = session.executeQuery("SELECT problem, last_hash FROM postroom.check_ledger()")) {
            row.next();
            assertThat(row.getString(1)).isNull();
            assertThat(row.getString(2)).isEqualTo(check().get("last_hash"));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "UPDATE postroom.operator_action SET note = 'nothing' WHERE number = 2|2|it was changed",
                "UPDATE postroom.operator_action SET actor = 'bob' WHERE number = 1|1|it was changed",
                "UPDATE postroom.operator_action SET at = at + interval '1 microsecond' WHERE number = 3|3|it was changed",
                "UPDATE postroom.operator_action SET reason = 'said later' WHERE number = 2|2|it was changed",
                "DELETE FROM postroom.operator_action WHERE number = 2|3|before it, lines 2 to 2 are missing",
                "DELETE FROM postroom.operator_action WHERE number < 3|3|before it, lines 1 to 2 are missing"
            })
    void first_broken_line_is_found_when_the_owner_changed_one(String change, long number, String problem) {
        threeSealedLines();
        LedgerLines.unguarded(sql, change);
        Map<String, Object> found = check();
        assertThat(found).containsEntry("broken_number", number);
        assertThat((String) found.get("problem")).startsWith(problem);
        assertThat(found.get("broken_id")).isNotNull();
    }

    @Test
    void line_that_was_changed_with_its_own_hash_breaks_the_next_one() {
        threeSealedLines();
        LedgerLines.unguarded(sql, """
                UPDATE postroom.operator_action SET note = 'nothing' WHERE number = 2;
                UPDATE postroom.operator_action o SET hash = postroom.ledger_hash(o, (
                    SELECT b.hash FROM postroom.operator_action b WHERE b.number = 1)) WHERE o.number = 2""");
        assertThat(check()).containsEntry("broken_number", 3L);
    }

    @Test
    void known_last_line_shows_a_lost_tail_and_a_chain_that_was_written_anew() {
        threeSealedLines();
        String known = (String) check().get("last_hash");
        LedgerLines.unguarded(sql, "DELETE FROM postroom.operator_action WHERE number = 3");
        assertThat(check().get("problem")).as("nothing shows it").isNull();
        assertThat(checkKnowing(3, known))
                .containsEntry("broken_number", 3L)
                .containsEntry("problem", "it is missing; the last line is 2");
        act("another third");
        seal();
        assertThat(check().get("problem")).isNull();
        assertThat((String) checkKnowing(3, known).get("problem")).contains("written anew");
        assertThatThrownBy(() -> sql.sql("SELECT * FROM postroom.check_ledger(3)")
                        .query()
                        .singleRow())
                .hasMessageContaining("known_number must be given together with known_hash");
    }

    // ---- races

    @Test
    void second_sealer_neither_waits_nor_chains_to_the_same_line() throws SQLException {
        act("first");
        Statement slow = begin();
        assertThat(sealOn(slow)).isOne();
        act("second");
        Statement other = begin();
        assertThat(sealOn(other)).as("another one seals").isZero();
        other.getConnection().commit();
        slow.getConnection().commit();
        assertThat(sealOn(other)).isOne();
        other.getConnection().commit();
        assertThat(numbered()).containsExactly("1 first", "2 second");
        assertThat(check().get("problem")).isNull();
    }

    @Test
    void act_in_an_open_transaction_holds_up_no_other_act_and_is_sealed_after_its_commit() throws SQLException {
        Statement open = begin();
        open.execute(ACT.formatted("long"));
        Statement other = begin();
        other.execute(ACT.formatted("short"));
        other.getConnection().commit();
        assertThat(seal()).isOne();
        open.execute(ACT.formatted("long, too"));
        open.getConnection().commit();
        assertThat(seal()).isEqualTo(2);
        assertThat(numbered()).containsExactly("1 short", "2 long", "3 long, too");
        assertThat(check().get("problem")).isNull();
    }

    @Test
    void line_that_is_rolled_back_leaves_no_gap() throws SQLException {
        act("first");
        Statement undone = begin();
        undone.execute(ACT.formatted("undone"));
        assertThat(seal()).isOne();
        undone.getConnection().rollback();
        act("second");
        seal();
        assertThat(numbered()).containsExactly("1 first", "2 second");
        assertThat(check().get("problem")).isNull();
    }

    @Test
    void act_waits_for_no_sealer() throws SQLException {
        act("first");
        Statement sealer = begin();
        sealOn(sealer);
        Statement person = begin();
        person.execute(ACT.formatted("second"));
        person.getConnection().commit();
        sealer.getConnection().rollback();
        assertThat(seal()).as("what a rolled back sealer had").isEqualTo(2);
        assertThat(check().get("problem")).isNull();
    }

    @Test
    void sealing_at_another_isolation_level_is_refused() throws SQLException {
        act("first");
        Statement session = begin();
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
        assertThatThrownBy(() -> sealOn(session)).hasMessageContaining("READ COMMITTED");
    }
}
