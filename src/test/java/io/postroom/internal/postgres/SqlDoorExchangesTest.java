package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.postgresql.util.PSQLException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** {@code postroom.create_message} with an exchange: the same rules as in Java. */
@PostgresTest
class SqlDoorExchangesTest {
    private final JdbcClient sql;

    SqlDoorExchangesTest(TestDatabase database) {
        sql = JdbcClient.create(database.pool());
    }

    @BeforeEach
    void declare() {
        for (String table : List.of(
                "binding", "exchange", "message", "ready", "delayed", "dedup", "entry_expiry", "dropped_message")) {
            sql.sql("DELETE FROM postroom." + table).update();
        }
        sql.sql("INSERT INTO postroom.queue (name) VALUES ('a'), ('b'), ('c') ON CONFLICT DO NOTHING")
                .update();
        sql.sql("UPDATE postroom.queue SET time_to_live = NULL").update();
        sql.sql("SELECT postroom.declare_exchange('x', 'topic')").query().singleRow();
        sql.sql("SELECT postroom.bind('x', 'a', 'k.#'), postroom.bind('x', 'b', '*'), postroom.bind('x', 'b', 'k')")
                .query()
                .singleRow();
    }

    @AfterEach
    void every_entry_is_in_one_place() {
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @Test
    void message_gets_one_entry_a_queue_and_one_row() {
        assertThat(queues("exchange => 'x', routing_key => 'k', payload => '1'"))
                .containsExactly("a", "b");
        assertThat(number("SELECT count(*) FROM postroom.message")).isEqualTo(1);
        assertThat(number("SELECT count(DISTINCT seq) FROM postroom.ready")).isEqualTo(1);
        assertThat(sql.sql(
                                "SELECT queue || ' ' || exchange || ' ' || routing_key FROM postroom.queue_messages ORDER BY queue")
                        .query(String.class)
                        .list())
                .containsExactly("a x k", "b x k");
        assertThat(queues("exchange => 'x', routing_key => 'k.2'")).containsExactly("a");
        assertThat(number("SELECT count(*) FROM postroom.ready WHERE moved")).isZero();
        assertThat(queues("exchange => '', routing_key => 'c'")).containsExactly("c");
        assertThat(queues("'c'")).containsExactly("c");
    }

    @Test
    void what_reaches_no_queue_is_refused_or_dropped_with_a_line() {
        PSQLException refused = cause("exchange => 'x', routing_key => 'no.no'");
        assertThat(refused.getSQLState()).isEqualTo("PR404");
        assertThat(refused.getServerErrorMessage().getColumn()).isEqualTo("exchange");
        assertThat(refused.getMessage()).contains("exchange \"x\" with routing key \"no.no\"");
        assertThat(cause("exchange => '', routing_key => 'nobody'").getSQLState())
                .isEqualTo("PR404");
        assertThat(number("SELECT count(*) FROM postroom.queue WHERE name = 'nobody'"))
                .isZero();
        assertThat(queues("exchange => 'x', routing_key => 'no.no', mandatory => false, correlation_id => 'c'"))
                .isEmpty();
        assertThat(number("SELECT count(*) FROM postroom.dropped_messages WHERE correlation_id = 'c'"))
                .isEqualTo(1);
        assertThat(number("SELECT count(*) FROM postroom.message")).isZero();
    }

    @Test
    void repeat_is_recognised_by_the_key_of_the_exchange() {
        String keyed = "exchange => 'x', routing_key => 'k', payload => '1', deduplication_key => 'once'";
        Map<String, Object> first = create(keyed);
        sql.sql("SELECT postroom.unbind('x', 'b', '*'), postroom.unbind('x', 'b', 'k')")
                .query()
                .singleRow();
        Map<String, Object> second = create(keyed);
        assertThat(second).containsEntry("id", first.get("id")).containsEntry("is_new", false);
        assertThat(second.get("queues").toString())
                .isEqualTo(first.get("queues").toString());
        sql.sql("SELECT postroom.unbind('x', 'a', 'k.#')").query().singleRow();
        assertThat(create(keyed)).as("nothing is bound any more").containsEntry("id", first.get("id"));
        assertThat(cause(keyed.replace("'1'", "'2'")).getMessage())
                .contains("exchange \"x\" already has a message with deduplicationKey \"once\"");
        assertThat(create("'a', '1', deduplication_key => 'once'")).containsEntry("is_new", true);
    }

    @Test
    void entries_expire_by_the_time_to_live_of_their_queues() {
        sql.sql("UPDATE postroom.queue SET time_to_live = interval '1 hour' WHERE name = 'a'")
                .update();
        create("exchange => 'x', routing_key => 'k'");
        create("exchange => 'x', routing_key => 'k', time_to_live => interval '1 minute'");
        assertThat(number("SELECT count(*) FROM postroom.entry_expiry"))
                .as("the time to live of the second message counts instead of the queue's")
                .isEqualTo(1);
        assertThat(sql.sql(
                                "SELECT queue, expires_at > now() + interval '59 minutes' AS late FROM postroom.queue_messages"
                                        + " WHERE expires_at IS NOT NULL ORDER BY late, queue")
                        .query((row, number) -> row.getString(1) + " " + row.getBoolean(2))
                        .list())
                .containsExactly("a false", "b false", "a true");
        sql.sql("UPDATE postroom.entry_expiry SET expires_at = now()").update();
        assertThat(
                        number(
                                "SELECT expired FROM postroom.expire_entries('-infinity', '00000000-0000-0000-0000-000000000000', 0, 10)"))
                .isEqualTo(1);
        assertThat(number("SELECT count(*) FROM postroom.entry_expiry")).isZero();
        assertThat(number("SELECT count(*) FROM postroom.queue_messages WHERE state = 'EXPIRED'"))
                .isEqualTo(1);
    }

    @Test
    void delayed_message_waits_in_each_queue() {
        create("exchange => 'x', routing_key => 'k', delay => interval '1 hour'");
        assertThat(number("SELECT count(*) FROM postroom.queue_messages WHERE state = 'DELAYED'"))
                .isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "queue => 'a', exchange => 'x'                       | queue must be left out with exchange",
                "queue => 'a', routing_key => 'k'                    | routingKey must be given only with exchange",
                "exchange => 'none', routing_key => 'k'              | exchange \"none\" does not exist",
                "exchange => 'no name', routing_key => 'k'           | exchange must be 1 to 127",
                "exchange => 'x', routing_key => repeat('ü', 128)    | routingKey must be 0 to 255 bytes",
                "exchange => 'x', routing_key => E'a\\x01'           | routingKey must be no control characters",
                "payload => '1'                                      | queue must be 1 to 127"
            })
    void bad_input_is_refused_by_name(String arguments, String text) {
        assertThat(cause(arguments).getMessage()).contains(text);
        assertThat(number("SELECT count(*) FROM postroom.message")).isZero();
    }

    /** Whatever changes routing takes the version first, so two that lock the same rows in other orders do not deadlock. */
    @Test
    void each_change_gives_the_bindings_another_version_and_a_repeat_gives_none() {
        String before = version();
        sql.sql("SELECT postroom.declare_exchange('x', 'topic'), postroom.bind('x', 'b', '*')")
                .query()
                .singleRow();
        assertThat(version()).isEqualTo(before);
        for (String change : List.of(
                "postroom.bind('x', 'c', 'z')",
                "postroom.unbind('x', 'c', 'z')",
                "postroom.declare_exchange('y')",
                "postroom.delete_exchange('y')")) {
            sql.sql("SELECT " + change).query().singleRow();
            assertThat(version()).as(change).isNotEqualTo(before);
            before = version();
        }
    }

    private String version() {
        return sql.sql("SELECT version::text FROM postroom.routing_version")
                .query(String.class)
                .single();
    }

    private Map<String, Object> create(String arguments) {
        return sql.sql("SELECT id, is_new, queues::text AS queues FROM postroom.create_message(" + arguments + ")")
                .query()
                .singleRow();
    }

    private List<String> queues(String arguments) {
        String queues = String.valueOf(create(arguments).get("queues"));
        return queues.equals("{}")
                ? List.of()
                : List.of(queues.substring(1, queues.length() - 1).split(","));
    }

    private PSQLException cause(String arguments) {
        Throwable thrown = catchThrowable(() -> create(arguments));
        assertThat(thrown).isNotNull();
        assertThatThrownBy(() -> {
                    throw thrown;
                })
                .hasRootCauseInstanceOf(PSQLException.class);
        Throwable cause = thrown;
        while (!(cause instanceof PSQLException)) {
            cause = cause.getCause();
        }
        return (PSQLException) cause;
    }

    private long number(String query) {
        return sql.sql(query).query(Long.class).single();
    }
}
