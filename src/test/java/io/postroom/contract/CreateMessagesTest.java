package io.postroom.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.postroom.testing.PostgresTest;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.postgresql.util.PSQLException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Many messages in one call of SQL: all or none, in order, and a refusal names the message and its field. */
@PostgresTest
class CreateMessagesTest {
    private final JdbcClient sql;

    CreateMessagesTest(DataSource pool) {
        sql = JdbcClient.create(pool);
    }

    @Test
    void all_are_created_in_order_each_by_its_own_fields() {
        sql.sql("SELECT postroom.declare_exchange('many', 'topic')")
                .query(Boolean.class)
                .single();
        sql.sql("SELECT postroom.declare_queue('many.b')").query(Boolean.class).single();
        sql.sql("SELECT postroom.bind('many', 'many.b', 'b.#')")
                .query(Boolean.class)
                .single();

        List<Map<String, Object>> created = sql.sql("""
                SELECT c.index, c.id, c.is_new, array_to_string(c.queues, ',') AS queues
                FROM postroom.create_messages(?::jsonb) c
                """).param("""
                [{"queue": "many.a", "payload": {"n": 1}, "priority": 9, "type": "t", "version": 2, "group": null},
                 {"exchange": "many", "routingKey": "b.c", "body": "aGVsbG8=", "contentType": "text/plain"},
                 {"exchange": "many", "routingKey": "x", "mandatory": false},
                 {"queue": "many.a", "delay": "PT5M", "at": null, "deduplicationKey": "k"},
                 {"queue": "many.a", "delay": "1 hour", "deduplicationKey": "k"}]
                """).query().listOfRows();

        assertThat(created).extracting(row -> row.get("index")).containsExactly(0, 1, 2, 3, 4);
        assertThat(created).extracting(row -> row.get("is_new")).containsExactly(true, true, false, true, false);
        assertThat(created)
                .extracting(row -> row.get("queues"))
                .containsExactly("many.a", "many.b", "", "many.a", "many.a");
        assertThat(stored(created.get(0).get("id"))).isEqualTo("{\"n\": 1} t 2 9");
        assertThat(stored(created.get(1).get("id"))).isEqualTo("hello - 0 4");
        assertThat(created.get(4)).containsEntry("id", created.get(3).get("id"));
    }

    /** In each of the two shapes, all members of the other shape and all that may be left out are null. */
    @Test
    void null_counts_as_left_out_for_each_member() {
        String optional = """
                "type": null, "version": null, "id": null, "delay": null, "at": null, "timeToLive": null, "priority": null,
                "deduplicationKey": null, "correlationId": null, "group": null, "headers": null, "direction": null, "mandatory": null
                """;
        List<Map<String, Object>> created = sql.sql("SELECT c.id FROM postroom.create_messages(?::jsonb) c")
                .param("""
                        [{"queue": "nulls", "exchange": null, "routingKey": null, "payload": null, "body": null, "contentType": null,
                          OPTIONAL},
                         {"queue": "nulls", "body": "aGVsbG8=", "contentType": null, "payload": null, OPTIONAL},
                         {"exchange": "", "routingKey": "nulls", "queue": null, "payload": 1, OPTIONAL}]
                        """.replace("OPTIONAL", optional))
                .query()
                .listOfRows();
        assertThat(created)
                .extracting(row -> stored(row.get("id")))
                .containsExactly("null - 0 4", "hello - 0 4", "1 - 0 4");
        assertThat(refused("[{\"exchange\": \"\", \"routingKey\": \"no.such.queue\", " + optional + "}]")
                        .getSQLState())
                .as("mandatory")
                .isEqualTo("PR404");
    }

    private String stored(Object id) {
        return sql.sql("""
                        SELECT concat_ws(' ', coalesce(m.payload::text, convert_from(m.body, 'UTF8')), coalesce(m.type, '-'),
                                         m.type_version, m.priority)
                        FROM postroom.message m WHERE m.id = ?
                        """).param(id).query(String.class).single();
    }

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource(delimiter = '|', textBlock = """
            priority     | {"queue": "q", "priority": 10}                   | priority must be 0 to 9, got "10"
            priority     | {"queue": "q", "priority": 2147483648}           | priority must be a whole number of 32 bits
            priority     | {"queue": "q", "priority": 1.5}                  | priority must be a whole number of 32 bits
            priority     | {"queue": "q", "priority": "1e3"}                | priority must be a whole number of 32 bits
            queue        | {"payload": 1}                                   | queue must be 1 to 127
            queue        | {"queue": 7}                                     | queue must be a string, got "7"
            ttl          | {"queue": "q", "ttl": 1}                         | ttl must be left out: there is no such member
            delay        | {"queue": "q", "delay": "soon"}                  | delay cannot be read: invalid input syntax
            id           | {"queue": "q", "id": "7"}                        | id cannot be read
            body         | {"queue": "q", "body": "*"}                      | body cannot be read
            at           | {"queue": "q", "at": "infinity"}                 | at must be a time with a zone
            at           | {"queue": "q", "at": "-infinity"}                | at must be a time with a zone
            at           | {"queue": "q", "at": "2030-01-31T08:00:00"}      | at must be a time with a zone
            at           | {"queue": "q", "at": "0000-01-31T08:00:00Z"}     | at cannot be read
            at           | {"queue": "q", "at": "300000-01-31T08:00:00Z"}   | at must be a time with a zone
            at           | {"queue": "q", "at": "2030-06-30T23:59:60Z"}     | at must be a time with a zone
            timeToLive   | {"queue": "q", "timeToLive": "0s"}               | timeToLive must be PT0.001S to 400 days
            headers      | {"queue": "q", "headers": {"a": 1}}              | headers must be texts
            version      | {"queue": "q", "version": 2}                     | version must be given only with type
            mandatory    | {"queue": "q", "mandatory": "no"}                | mandatory must be true or false
            message      | [1]                                              | message must be a JSON object
            payload      | {"queue": "q", "payload": 1, "body": "aGk="}     | payload must be given only without body
            ttl          | {"queue": "q", "ttl": null}                      | ttl must be left out: there is no such member
            """)
    void refusal_names_the_message_and_its_field_and_nothing_is_written(String field, String bad, String said) {
        String queue = "all.or.none";
        PSQLException refused =
                refused("[{\"queue\": \"" + queue + "\"}, {\"queue\": \"" + queue + "\"}, " + bad + "]");

        assertThat(refused.getSQLState()).isEqualTo("22023");
        assertThat(refused.getServerErrorMessage().getColumn()).isEqualTo(field);
        assertThat(refused.getServerErrorMessage().getMessage())
                .startsWith("message 2 of the batch: " + said)
                .endsWith("Nothing of the batch was written");
        assertThat(sql.sql("SELECT count(*) FROM postroom.queue WHERE name = ?")
                        .param(queue)
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    @Test
    void message_that_reaches_no_queue_or_repeats_a_key_with_other_content_is_named() {
        sql.sql("SELECT postroom.declare_exchange('nowhere')")
                .query(Boolean.class)
                .single();
        PSQLException unroutable = refused("[{\"queue\": \"q\"}, {\"exchange\": \"nowhere\", \"routingKey\": \"k\"}]");
        assertThat(unroutable.getSQLState()).isEqualTo("PR404");
        assertThat(unroutable.getMessage()).contains("message 1 of the batch: the message reaches no queue");

        PSQLException duplicate = refused("""
                [{"queue": "q", "deduplicationKey": "k", "payload": 1}, {"queue": "q", "deduplicationKey": "k", "payload": 2}]
                """);
        assertThat(duplicate.getSQLState()).isEqualTo("23505");
        assertThat(duplicate.getServerErrorMessage().getColumn()).isEqualTo("deduplicationKey");
        assertThat(duplicate.getMessage()).contains("message 1 of the batch: queue \"q\" already has a message");
    }

    @Test
    void no_array_and_more_than_ten_thousand_are_refused_and_none_is_fine() {
        assertThat(refused("{}").getServerErrorMessage().getMessage())
                .isEqualTo("messages must be a JSON array of objects, got \"{}\"");
        String many = IntStream.rangeClosed(0, 10_000)
                .mapToObj(i -> "{\"queue\": \"q\"}")
                .collect(Collectors.joining(",", "[", "]"));
        assertThat(refused(many).getServerErrorMessage().getMessage())
                .isEqualTo("messages must be at most 10000 at once, got \"10001 messages\"");
        assertThat(sql.sql("SELECT count(*) FROM postroom.create_messages('[]')")
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    private PSQLException refused(String messages) {
        Throwable thrown = catchThrowable(() -> sql.sql("SELECT count(*) FROM postroom.create_messages(?::jsonb)")
                .param(messages)
                .query(Integer.class)
                .single());
        assertThat(thrown).hasRootCauseInstanceOf(PSQLException.class);
        return (PSQLException) thrown.getCause();
    }
}
