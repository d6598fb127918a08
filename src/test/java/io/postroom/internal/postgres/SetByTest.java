package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.QueueSettings;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What operators and declarations set of a queue: who wins, and what the ledger tells of it. */
@PostgresTest
class SetByTest {
    private final StoreFixture fixture;
    private final Sessions sessions;
    private final String queue;

    SetByTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        sessions = new Sessions(pool);
        queue = fixture.queue.name();
    }

    private String call(String function, String arguments) {
        return "SELECT postroom." + function + "('" + queue + "', " + arguments + ")";
    }

    private String lines() {
        return fixture.text("SELECT coalesce(string_agg(note, '|' ORDER BY at), '') FROM postroom.operator_action"
                + " WHERE queue_id = " + fixture.queue.id());
    }

    private String destination() {
        return fixture.text("SELECT destination FROM postroom.queue WHERE id = " + fixture.queue.id());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "set_limiter | max_in_progress => 2 | limiter, sliding, 2 in progress, declared",
                "set_destination | 'bank' | destination none -> bank, destination by default -> declaration, declared",
                "set_group_weight | 'acme', 3"
                        + " | weight of group \"acme\" 1 -> 3, weights by default -> declaration, declared",
                "set_fair | false | fair true -> false, declared",
                "set_ordered | true | ordered false -> true, declared",
            })
    void declaration_leaves_a_line_for_a_change_and_none_for_a_repeat(String function, String values, String line) {
        if (function.equals("set_group_weight") || function.equals("set_fair")) {
            fixture.execute("UPDATE postroom.queue SET fair = true WHERE id = " + fixture.queue.id());
        }
        String before = lines();
        String declaration = call(function, values + ", set_by => 'declaration'");
        assertThat(fixture.text(declaration)).isEqualTo("t");
        assertThat(fixture.text(declaration)).isEqualTo("f");
        assertThat(lines()).isEqualTo(before.isEmpty() ? line : before + "|" + line);
        for (String other : new String[] {"'Operator'", "NULL"}) {
            assertThatThrownBy(() -> fixture.text(call(function, values + ", set_by => " + other)))
                    .hasRootCauseInstanceOf(SQLException.class)
                    .rootCause()
                    .hasMessageContaining("set_by must be operator or declaration, got");
        }
    }

    @Test
    void operators_destination_and_weights_stay_when_a_declaration_has_others() {
        fixture.execute("UPDATE postroom.queue SET fair = true WHERE id = " + fixture.queue.id());
        fixture.execute(call("set_destination", "'post'"));
        fixture.execute(call("set_group_weight", "'acme', 3"));
        assertThat(fixture.text(call("set_destination", "'bank', set_by => 'declaration'")))
                .isEqualTo("f");
        assertThat(fixture.text(call("set_group_weight", "'acme', 5, set_by => 'declaration'")))
                .isEqualTo("f");
        assertThat(destination()).isEqualTo("post");
        assertThat(fixture.text("SELECT weight FROM postroom.group_weights WHERE queue = '" + queue + "'"))
                .isEqualTo("3");
        assertThat(lines())
                .isEqualTo("fair false -> true|destination none -> post, destination by default -> operator"
                        + "|weight of group \"acme\" 1 -> 3, weights by default -> operator");
    }

    /** The declared value is the operator's from then on, so that he has it on record. */
    @Test
    void operator_who_names_the_declared_destination_keeps_it() {
        fixture.execute(call("set_destination", "'bank', set_by => 'declaration'"));
        assertThat(fixture.text(call("set_destination", "'bank'"))).isEqualTo("f");
        assertThat(fixture.text(call("set_destination", "'post', set_by => 'declaration'")))
                .isEqualTo("f");
        assertThat(destination()).isEqualTo("bank");
        assertThat(lines())
                .isEqualTo("destination none -> bank, destination by default -> declaration, declared"
                        + "|destination by declaration -> operator");
    }

    @Test
    void settings_that_are_changed_by_hand_leave_a_line_with_what_they_were() {
        String byHand = "UPDATE postroom.queue SET max_attempts = 3, retry_after = '1m', time_to_live = '2 days',"
                + " settings_by = 'operator' WHERE name = '" + queue + "'";
        fixture.execute(byHand);
        fixture.execute(byHand);
        assertThat(lines())
                .isEqualTo("max attempts 20 -> 3, retry after 10s..6h -> 1m, settings by default -> operator,"
                        + " time to live none -> 2 days");
        assertThat(fixture.text("SELECT actor = session_user AND db_user = session_user AND action = 'declare'"
                        + " AND finished_at IS NOT NULL FROM postroom.operator_action WHERE queue_id = "
                        + fixture.queue.id()))
                .isEqualTo("t");
    }

    @Test
    void declaration_that_changes_settings_leaves_a_line_and_a_repeat_none() {
        for (int i = 0; i < 2; i++) {
            fixture.execute("SELECT postroom.declare_queue('" + queue + "', max_attempts => 4, fair => true)");
            fixture.stores.queues().declare(QueueSettings.of(queue).crashLimit(7));
        }
        assertThat(lines())
                .isEqualTo(
                        "fair false -> true, max attempts 20 -> 4, settings by default -> declaration|crash limit 3 -> 7");
    }

    /** Each statement of a transaction that changes something leaves a line, whatever other lines that transaction has. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "U fair = true; U fair = false | fair false -> true; fair true -> false",
                "U ordered = true; U ordered = false | ordered false -> true; ordered true -> false",
                "U destination = 'a'; U destination = 'b'; U destination = 'c'; U destination = 'b'"
                        + " | destination none -> a; destination a -> b; destination b -> c; destination c -> b",
                "set_destination(Q, 'mail-2'); U destination = 'mail'"
                        + " | destination none -> mail-2, destination by default -> operator; destination mail-2 -> mail",
                "U fair = true; set_group_weight(Q, 'a', 2);"
                        + " U group_weights = jsonb_build_object('b', 100), weights_by = 'default'"
                        + " | fair false -> true; weight of group \"a\" 1 -> 2, weights by default -> operator;"
                        + " weight of group \"a\" 2 -> 1, weight of group \"b\" 1 -> 100, weights by operator -> default",
                "set_fair(Q, true, reason => 'ten tenants', actor => 'ann'); U fair = false; U fair = true"
                        + " | ann for ten tenants: fair false -> true; fair true -> false; fair false -> true",
                "U deleted_at = now(); U max_attempts = 1, deleted_at = NULL | max attempts 20 -> 1",
                "U deleted_at = now(); U max_attempts = 1; declare_queue(Q)" + " | max attempts 20 -> 1",
                "U deleted_at = now(); declare_queue(Q, max_attempts => 9)"
                        + " | max attempts 20 -> 9, settings by default -> declaration",
            })
    void each_change_of_a_transaction_leaves_a_line(String statements, String lines) throws Exception {
        try (Connection session = sessions.begin()) {
            text(
                    session,
                    "INSERT INTO postroom.operator_action (action, queue_id, finished_at, note) VALUES"
                            + " ('declare', " + fixture.queue.id() + ", now(), 'weight ') RETURNING id");
            for (String statement : statements.split("; *")) {
                text(
                        session,
                        statement.startsWith("U ")
                                ? "UPDATE postroom.queue SET " + statement.substring(2) + " WHERE name = '" + queue
                                        + "' RETURNING id"
                                : "SELECT postroom." + statement.replace("Q", "'" + queue + "'"));
            }
            session.commit();
        }
        assertThat(fixture.text(
                        "SELECT string_agg(CASE WHEN actor <> session_user THEN actor || ' for ' || reason || ': ' ELSE '' END"
                                + " || note, '; ' ORDER BY at) FROM postroom.operator_action WHERE note <> 'weight ' AND queue_id = "
                                + fixture.queue.id()))
                .isEqualTo(lines);
    }

    /** Two values that are equal up to the cut, and one that looks like two changes. */
    @Test
    void lines_show_that_long_values_differ_and_where_a_value_ends() {
        String start = "UPDATE postroom.queue SET dead_letter_exchange = 'x', dead_letter_routing_key = ";
        fixture.execute(start + "repeat('k', 254) || 'a' WHERE name = '" + queue + "'");
        fixture.execute(start + "repeat('k', 254) || 'b' WHERE name = '" + queue + "'");
        fixture.execute(start + "'x, max attempts 20 -> 3' WHERE name = '" + queue + "'");
        fixture.execute("UPDATE postroom.queue SET destination = 'none' WHERE name = '" + queue + "'");
        String[] lines = lines().split("\\|");
        String[] sides = lines[1].substring("dead letter routing key ".length()).split(" -> ");
        assertThat(sides[0]).isNotEqualTo(sides[1]).endsWith(" md5 " + md5("a") + ")");
        assertThat(sides[1]).matches("k{140}\\.\\.\\. \\(255 characters, md5 " + md5("b") + "\\)");
        assertThat(lines[2]).endsWith(" -> \"x, max attempts 20 -> 3\"");
        assertThat(lines[3]).isEqualTo("destination none -> \"none\"");
    }

    private String md5(String last) {
        return fixture.text("SELECT md5(repeat('k', 254) || '" + last + "')");
    }

    @Test
    void line_of_many_weights_names_twenty_and_counts_the_others() {
        fixture.execute(
                "UPDATE postroom.queue SET group_weights = (SELECT jsonb_object_agg('g' || i, 2) FROM generate_series(1, 22) i)"
                        + " WHERE name = '" + queue + "'");
        assertThat(lines())
                .startsWith("weight of group \"g1\" 1 -> 2, weight of group \"g10\" 1 -> 2, ")
                .endsWith(", weights of 2 more groups");
    }

    @Test
    void each_column_of_a_queue_is_on_record_or_no_setting() {
        assertThat(fixture.text("SELECT coalesce(string_agg(a.attname, ', '), '') FROM pg_attribute a, pg_trigger t"
                        + " WHERE a.attrelid = 'postroom.queue'::regclass AND a.attnum > 0 AND NOT a.attisdropped"
                        + " AND a.attname NOT IN ('id', 'owner', 'created_at', 'deleted_at', 'paused_at',"
                        + " 'consumers_stopped_at', 'had_consumer', 'used_at', 'has_limiter', 'moved_to')"
                        + " AND t.tgname = 'record_queue_settings' AND (a.attnum <> ALL (t.tgattr)"
                        + " OR strpos(pg_get_triggerdef(t.oid), 'new.' || a.attname || ',') = 0"
                        + " AND strpos(pg_get_triggerdef(t.oid), 'new.' || a.attname || ')') = 0)"))
                .isEmpty();
    }

    @Test
    void what_is_no_setting_leaves_no_line() {
        fixture.execute("UPDATE postroom.queue SET used_at = now(), had_consumer = true WHERE name = '" + queue + "'");
        fixture.execute("SELECT postroom.pause_queue('" + queue + "')");
        fixture.execute("UPDATE postroom.queue SET deleted_at = now() WHERE name = '" + queue + "'");
        fixture.execute("SELECT postroom.declare_queue('" + queue + "')"); // it comes back as it was
        assertThat(fixture.text("SELECT string_agg(action, '|') FROM postroom.operator_action WHERE queue_id = "
                        + fixture.queue.id()))
                .isEqualTo("pause");
    }

    /** The race: both calls look before either has the lock of the queue. */
    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '~',
            delimiter = '|',
            value = {
                "set_destination | 'bank' | destination none -> bank, destination by default -> operator",
                "set_fair | true | fair false -> true"
            })
    void two_equal_calls_leave_one_line(String function, String value, String line) throws Exception {
        assertThat(second(call(function, value), call(function, value))).isEqualTo("f");
        assertThat(lines()).isEqualTo(line);
    }

    /** The race: the operator commits between the look of the declaration and its change. */
    @Test
    void declaration_that_waits_for_an_operator_leaves_his_destination() throws Exception {
        assertThat(second(call("set_destination", "'post'"), call("set_destination", "'bank', 'declaration'")))
                .isEqualTo("f");
        assertThat(destination()).isEqualTo("post");
        assertThat(lines()).isEqualTo("destination none -> post, destination by default -> operator");
    }

    /** Answers what the second call says that waits for the first one and then goes on. */
    private String second(String first, String other) throws Exception {
        try (Connection one = sessions.begin();
                Connection two = sessions.begin()) {
            text(one, first);
            CompletableFuture<String> waiting = CompletableFuture.supplyAsync(() -> {
                try {
                    String answer = text(two, other);
                    two.commit();
                    return answer;
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
            });
            sessions.awaitWaitingFor(one);
            one.commit();
            return waiting.get(60, TimeUnit.SECONDS);
        }
    }

    private static String text(Connection connection, String question) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(question)) {
            row.next();
            return row.getString(1);
        }
    }
}
