package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.postroom.api.CreateMessage;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** {@code postroom.create_message}: the same rules, limits and words as {@link CreateMessage}. */
@PostgresTest
class SqlDoorTest {
    private final JdbcClient sql;
    private final TestDatabase database;

    SqlDoorTest(DataSource pool, TestDatabase database) {
        this.sql = JdbcClient.create(pool);
        this.database = database;
    }

    @AfterEach
    void every_message_is_in_one_place() {
        assertThat(Conservation.check(sql)).isEmpty();
    }

    // ---- what is written

    @Test
    void message_with_nothing_special_is_ready_in_a_queue_made_on_the_way() {
        UUID id = create(
                "'plain', '{\"to\": \"ann\"}', type => 'ticket', type_version => 3, correlation_id => 'order-42',"
                        + " headers => '{\"customer\": \"ACME\"}', priority => 7, direction => 'INCOMING'");
        assertThat(entryOf(id))
                .containsEntry("queue", "plain")
                .containsEntry("state", "READY")
                .containsEntry("type", "ticket")
                .containsEntry("type_version", 3)
                .containsEntry("correlation_id", "order-42")
                .containsEntry("priority", 7)
                .containsEntry("direction", "INCOMING")
                .containsEntry("content_type", "application/json")
                .containsEntry("expires_at", null);
        assertThat(entryOf(id).get("payload").toString()).isEqualTo("{\"to\": \"ann\"}");
        assertThat(claimed("plain")).containsExactly(id);
    }

    @Test
    void message_without_type_and_content_is_stored_as_from_java() {
        assertThat(entryOf(create("'bare'")))
                .containsEntry("type", null)
                .containsEntry("type_version", 0)
                .containsEntry("direction", "OUTGOING")
                .containsEntry("priority", CreateMessage.DEFAULT_PRIORITY)
                .satisfies(entry -> assertThat(entry.get("payload").toString()).isEqualTo("null"));
    }

    @Test
    void bytes_have_a_content_type() {
        assertThat(entryOf(create("'bytes', body => '\\x00ff', content_type => 'image/png'")))
                .containsEntry("payload", null)
                .containsEntry("body", new byte[] {0, (byte) 0xFF})
                .containsEntry("content_type", "image/png");
        assertThat(entryOf(create("'bytes', body => ''"))).containsEntry("content_type", "application/octet-stream");
    }

    @Test
    void due_time_delays_and_one_in_the_past_means_now() {
        assertThat(entryOf(create("'due', delay => interval '1 hour'")))
                .containsEntry("state", "DELAYED")
                .containsEntry("reason", "delay");
        assertThat(entryOf(create("'due', at => now() + interval '1 hour'"))).containsEntry("state", "DELAYED");
        assertThat(entryOf(create("'due', at => now() - interval '10 years'"))).containsEntry("state", "READY");
        assertThat(entryOf(create("'due', delay => interval '0'"))).containsEntry("state", "READY");
        assertThat(sql.sql(
                                "SELECT bool_and(due_at BETWEEN now() + interval '59 minutes' AND now() + interval '61 minutes')"
                                        + " FROM postroom.delayed")
                        .query(Boolean.class)
                        .single())
                .isTrue();
    }

    @Test
    void time_to_live_is_the_messages_own_or_else_the_queues() {
        sql.sql("INSERT INTO postroom.queue (name, time_to_live) VALUES ('mortal', interval '1 day')")
                .update();
        assertThat(livesFor(create("'mortal'"))).isEqualTo(Duration.ofDays(1));
        assertThat(livesFor(create("'mortal', time_to_live => interval '2 hours'")))
                .isEqualTo(Duration.ofHours(2));
    }

    @Test
    void it_exists_if_and_only_if_the_callers_transaction_commits() throws SQLException {
        try (Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            JdbcClient caller = on(connection);
            UUID rolledBack = create(caller, "'all-or-nothing'");
            connection.rollback();
            UUID committed = create(caller, "'all-or-nothing'");
            connection.commit();
            assertThat(entries(rolledBack)).isEmpty();
            assertThat(entries(committed)).hasSize(1);
        }
    }

    @Test
    void settings_of_a_queue_that_is_there_are_left_alone_and_a_deleted_one_comes_back() {
        sql.sql(
                        "INSERT INTO postroom.queue (name, max_attempts, settings_by, deleted_at) VALUES ('kept', 77, 'operator', now())")
                .update();
        create("'kept'");
        assertThat(sql.sql("SELECT max_attempts, settings_by, deleted_at FROM postroom.queue WHERE name = 'kept'")
                        .query()
                        .singleRow())
                .containsEntry("max_attempts", 77)
                .containsEntry("settings_by", "operator")
                .containsEntry("deleted_at", null);
    }

    @Test
    void two_that_use_a_new_queue_at_once_get_the_same_one() throws Exception {
        try (Connection first = database.connect();
                Connection second = database.connect()) {
            first.setAutoCommit(false);
            create(on(first), "'new-queue'");
            CompletableFuture<UUID> waiting = CompletableFuture.supplyAsync(() -> create(on(second), "'new-queue'"));
            BlockedSessions.awaitBlocked(second, database.pool());
            first.commit();
            waiting.get(10, TimeUnit.SECONDS);
        }
        assertThat(sql.sql("SELECT ready FROM postroom.queue_stats WHERE queue = 'new-queue'")
                        .query(Long.class)
                        .list())
                .containsExactly(2L);
    }

    @Test
    void open_creation_holds_the_low_watermark_back() throws SQLException {
        try (Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            UUID id = create(on(connection), "'watermark'");
            for (boolean byLocks : List.of(false, true)) {
                Map<String, Object> sample = sql.sql(
                                "SELECT seq, xid, writers::text AS writers FROM postroom.sample_watermark(?)")
                        .param(byLocks)
                        .query()
                        .singleRow();
                assertThat(isSettled(sample)).as("by locks: %s", byLocks).isFalse();
            }
            Map<String, Object> sample = sql.sql(
                            "SELECT seq, xid, writers::text AS writers FROM postroom.sample_watermark(false)")
                    .query()
                    .singleRow();
            connection.commit();
            // at once, but for transactions of others on the server, such as autovacuum's
            Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> isSettled(sample));
            assertThat((Long) sample.get("seq"))
                    .isGreaterThanOrEqualTo((Long) entryOf(id).get("seq"));
        }
    }

    // ---- ids

    @Test
    void new_ids_are_version_7_of_now_and_grow() {
        List<UUID> ids = sql.sql("SELECT postroom.new_id() FROM generate_series(1, 5000)")
                .query(UUID.class)
                .list();
        assertThat(ids).doesNotHaveDuplicates().allMatch(MessageIds::isVersion7);
        assertThat(ids).isSortedAccordingTo(Comparator.comparing(UUID::toString));
        assertThat(MessageIds.instantOf(ids.get(0)))
                .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
        assertThat(sql.sql("SELECT postroom.instant_of(?)")
                        .param(ids.get(0))
                        .query(java.time.OffsetDateTime.class)
                        .single()
                        .toInstant())
                .isEqualTo(MessageIds.instantOf(ids.get(0)));
    }

    @Test
    void repeat_with_the_same_id_is_recognised_and_other_content_is_refused() {
        UUID id = MessageIds.next();
        assertThat(createAnd("'given', '{\"a\": 1, \"b\": 2}', message_id => '" + id + "'"))
                .isEqualTo(new Answer(id, true));
        assertThat(createAnd("'given', '{\"b\": 2, \"a\": 1}', message_id => '" + id + "'"))
                .isEqualTo(new Answer(id, false));
        assertThat(refusal("'given', '{\"a\": 2}', message_id => '" + id + "'"))
                .isEqualTo(duplicate(new DuplicateMessageException(
                        "given", "id", id.toString(), id, Optional.of(MessageState.READY))));
        assertThat(refusal("'other', '{\"a\": 1, \"b\": 2}', message_id => '" + id + "'"))
                .as("another queue")
                .isEqualTo(duplicate(new DuplicateMessageException(
                        "other", "id", id.toString(), id, Optional.of(MessageState.READY))));
    }

    // ---- deduplication

    @Test
    void repeat_with_the_same_key_answers_the_first_id_and_other_content_is_refused() {
        UUID id = create("'once', '{\"a\": 1}', type => 'ticket', deduplication_key => 'order-42'");
        assertThat(createAnd("'once', '{\"a\":1}', type => 'ticket', deduplication_key => 'order-42'"))
                .isEqualTo(new Answer(id, false));
        Refusal refused = duplicate(new DuplicateMessageException(
                "once", "deduplicationKey", "order-42", id, Optional.of(MessageState.READY)));
        assertThat(refusal("'once', '{\"a\": 2}', type => 'ticket', deduplication_key => 'order-42'"))
                .isEqualTo(refused);
        assertThat(refusal("'once', '{\"a\": 1}', type => 'invoice', deduplication_key => 'order-42'"))
                .isEqualTo(refused);
        assertThat(refusal(
                        "'once', '{\"a\": 1}', type => 'ticket', type_version => 2, deduplication_key => 'order-42'"))
                .isEqualTo(refused);
        assertThat(refusal("'once', body => '\\x00', type => 'ticket', deduplication_key => 'order-42'"))
                .isEqualTo(refused);
        assertThat(createAnd("'other-queue', '{\"a\": 2}', deduplication_key => 'order-42'").isNew)
                .isTrue();
    }

    @Test
    void keys_are_compared_by_exact_code_points() {
        List<UUID> ids = new ArrayList<>();
        for (String key : List.of("key", "KEY", "key ", "k\u00e9y", "ke\u0301y")) {
            ids.add(sql.sql("SELECT id FROM postroom.create_message('exact', deduplication_key => ?)")
                    .param(key)
                    .query(UUID.class)
                    .single());
        }
        assertThat(ids).doesNotHaveDuplicates();
    }

    @Test
    void key_of_an_open_transaction_is_waited_for() throws Exception {
        try (Connection first = database.connect();
                Connection second = database.connect()) {
            create("'waited', deduplication_key => 'warm-up'");
            first.setAutoCommit(false);
            UUID id = create(on(first), "'waited', '1', deduplication_key => 'key'");
            CompletableFuture<Answer> repeat = CompletableFuture.supplyAsync(
                    () -> createAnd(on(second), "'waited', '1', deduplication_key => 'key'"));
            BlockedSessions.awaitBlocked(second, database.pool());
            first.commit();
            assertThat(repeat.get(10, TimeUnit.SECONDS)).isEqualTo(new Answer(id, false));

            UUID other = create(on(first), "'waited', '1', deduplication_key => 'other'");
            CompletableFuture<Answer> successor = CompletableFuture.supplyAsync(
                    () -> createAnd(on(second), "'waited', '1', deduplication_key => 'other'"));
            BlockedSessions.awaitBlocked(second, database.pool());
            first.rollback();
            Answer answer = successor.get(10, TimeUnit.SECONDS);
            assertThat(answer.isNew).isTrue();
            assertThat(answer.id).isNotEqualTo(other);
        }
    }

    @Test
    void refused_repeat_of_an_id_leaves_no_key_behind() {
        UUID id = create("'keyless', '1'");
        assertThat(refusal("'keyless', '2', message_id => '" + id + "', deduplication_key => 'left'").state)
                .isEqualTo("23505");
        assertThat(sql.sql("SELECT count(*) FROM postroom.dedup WHERE key = 'left'")
                        .query(Long.class)
                        .single())
                .isZero();
    }

    // ---- limits

    static Stream<Arguments> javaRefusesToo() {
        return Stream.of(
                both("queue", "repeat('x', 128)", () -> CreateMessage.to("x".repeat(128))),
                both("queue", "'a''; drop table x;--'", () -> CreateMessage.to("a'; drop table x;--")),
                both("queue", "E'abc\\n'", () -> CreateMessage.to("abc\n")),
                both("queue", "''", () -> CreateMessage.to("")),
                both("queue", "'.'", () -> CreateMessage.to(".")),
                both("queue", "U&'\\0430bc'", () -> CreateMessage.to("\u0430bc")),
                both("queue", "U&'abc\\200b'", () -> CreateMessage.to("abc\u200b")),
                both("type", "'q', type => 'a b'", () -> CreateMessage.to("q").json("a b", 1, "1")),
                both(
                        "version",
                        "'q', type => 't', type_version => 0",
                        () -> CreateMessage.to("q").json("t", 0, "1")),
                both(
                        "version",
                        "'q', type => 't', type_version => 32768",
                        () -> CreateMessage.to("q").json("t", 32768, "1")),
                both(
                        "priority",
                        "'q', priority => 10",
                        () -> CreateMessage.to("q").priority(10)),
                both(
                        "priority",
                        "'q', priority => -2147483648",
                        () -> CreateMessage.to("q").priority(Integer.MIN_VALUE)),
                both(
                        "deduplicationKey",
                        "'q', deduplication_key => ''",
                        () -> CreateMessage.to("q").deduplicate("")),
                both(
                        "deduplicationKey",
                        "'q', deduplication_key => repeat('k', 10000)",
                        () -> CreateMessage.to("q").deduplicate("k".repeat(10000))),
                both(
                        "correlationId",
                        "'q', correlation_id => E'a\\nb'",
                        () -> CreateMessage.to("q").correlationId("a\nb")),
                both(
                        "correlationId",
                        "'q', correlation_id => E'a\\x7f'",
                        () -> CreateMessage.to("q").correlationId("a\u007f")),
                both(
                        "contentType",
                        "'q', body => '', content_type => E'a\\rb'",
                        () -> CreateMessage.to("q").body("t", 1, new byte[0], "a\rb")),
                both(
                        "headers",
                        "'q', headers => '{\"a b\": \"1\"}'",
                        () -> CreateMessage.to("q").header("a b", "1")),
                both(
                        "headers",
                        "'q', headers => '{\"a:b\": \"1\"}'",
                        () -> CreateMessage.to("q").header("a:b", "1")),
                both(
                        "headers",
                        "'q', headers => '{\"\u00e4\": \"1\"}'",
                        () -> CreateMessage.to("q").header("\u00e4", "1")),
                both(
                        "headers",
                        "'q', headers => '{\"a\": \"1\\r\\nX: 2\"}'",
                        () -> CreateMessage.to("q").header("a", "1\r\nX: 2")),
                both(
                        "headers",
                        "'q', headers => jsonb_build_object('a', repeat('x', 8192))",
                        () -> CreateMessage.to("q").header("a", "x".repeat(8192))),
                both(
                        "delay",
                        "'q', delay => interval '-1 second'",
                        () -> CreateMessage.to("q").delay(Duration.ofSeconds(-1))),
                both(
                        "delay",
                        "'q', delay => interval '401 days'",
                        () -> CreateMessage.to("q").delay(Duration.ofDays(401))),
                both(
                        "at",
                        "'q', at => now() + interval '401 days'",
                        () -> CreateMessage.to("q").at(Instant.now().plus(Duration.ofDays(401)))),
                both(
                        "at",
                        "'q', at => '1969-12-31'",
                        () -> CreateMessage.to("q").at(Instant.EPOCH.minusSeconds(1))),
                both(
                        "at",
                        "'q', at => now(), delay => interval '1 day'",
                        () -> CreateMessage.to("q").at(Instant.now()).delay(Duration.ofDays(1))),
                both(
                        "timeToLive",
                        "'q', time_to_live => interval '0'",
                        () -> CreateMessage.to("q").timeToLive(Duration.ZERO)),
                both(
                        "timeToLive",
                        "'q', time_to_live => interval '401 days'",
                        () -> CreateMessage.to("q").timeToLive(Duration.ofDays(401))),
                both(
                        "timeToLive",
                        "'q', time_to_live => interval '1 hour', delay => interval '1 hour'",
                        () -> CreateMessage.to("q")
                                .timeToLive(Duration.ofHours(1))
                                .delay(Duration.ofHours(1))),
                both(
                        "id",
                        "'q', message_id => '00000000-0000-4000-8000-000000000000'",
                        () -> CreateMessage.to("q").id(UUID.fromString("00000000-0000-4000-8000-000000000000"))),
                both(
                        "id",
                        "'q', message_id => (left(postroom.lowest_id(now() - interval '25 hours')::text, 14)"
                                + " || '7000-8000-000000000001')::uuid",
                        () -> CreateMessage.to("q").id(UUID.fromString("018f0000-0000-7000-8000-000000000000"))));
    }

    private static Arguments both(String field, String arguments, org.junit.jupiter.api.function.Executable java) {
        return Arguments.of(field, arguments, java);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("javaRefusesToo")
    void what_java_refuses_is_refused_in_the_same_words(
            String field, String arguments, org.junit.jupiter.api.function.Executable java) {
        InvalidMessageException javas = catchThrowableOfType(InvalidMessageException.class, java::execute);
        Refusal ours = refusal(arguments);
        assertThat(ours.state).isEqualTo("22023");
        assertThat(ours.field).isEqualTo(field).isEqualTo(javas.field());
        // The value may be written another way (PT1H and 01:00:00), the rule may not.
        assertThat(normal(ours.message)).startsWith(normal(field + " must be " + javas.limit() + ", got \""));
        assertThat(sql.sql("SELECT count(*) FROM postroom.queue WHERE name IN ('q', '.')")
                        .query(Long.class)
                        .single())
                .as("a refused message declares no queue")
                .isZero();
    }

    private static String normal(String text) {
        return text.replaceAll("delay of (PT1H|01:00:00)", "delay of 1 h");
    }

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "queue        ; NULL",
                "queue        ; '__proto__'",
                "at           ; 'q', at => 'infinity'",
                "at           ; 'q', at => '-infinity'",
                "at           ; 'q', at => '200000-01-01'",
                "payload      ; 'q', '1', body => '\\x00'",
                "payload      ; 'q', body => decode(repeat('00', 1048577), 'hex')",
                "payload      ; 'q', to_jsonb(repeat('x', 1048576))",
                "payload      ; 'q', (repeat('[', 65) || repeat(']', 65))::jsonb",
                "payload      ; 'q', '[{\"a\": 1e131071}]'",
                "payload      ; 'q', '1e309'",
                "payload      ; 'q', '-1e-309'",
                "payload      ; 'q', ('0.' || repeat('1', 65))::jsonb",
                "contentType  ; 'q', '1', content_type => 'text/plain'",
                "contentType  ; 'q', body => '', content_type => ''",
                "direction    ; 'q', direction => 'sideways'",
                "headers      ; 'q', headers => '[1]'",
                "headers      ; 'q', headers => '{\"a\": 1}'",
                "headers      ; 'q', headers => '{\"a\": null}'",
                "headers      ; 'q', headers => (SELECT jsonb_object_agg('h' || g, 'v') FROM generate_series(1, 65) g)",
                "id           ; 'q', message_id => (left(postroom.lowest_id(now() + interval '6 minutes')::text, 14)"
                        + " || '7000-8000-000000000001')::uuid",
            })
    void what_only_sql_could_be_given_is_refused_too(String field, String arguments) {
        Refusal refused = refusal(arguments);
        assertThat(refused.state).isEqualTo("22023");
        assertThat(refused.field).isEqualTo(field);
        assertThat(refused.message).startsWith(field + " must be ").hasSizeLessThan(300);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'\"\\u0000\"'", // 22P05
                "'\"\\ud800\"'", // 22P02
                "'1e200000'", // 22003
                "'{\"a\": NaN}'", // 22P02
            })
    void what_is_no_json_for_the_database_is_refused_by_it(String payload) {
        assertThat(refusal("'q', " + payload).state).startsWith("22");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'edge', (repeat('[', 64) || repeat(']', 64))::jsonb",
                "'edge', '1e308'",
                "'edge', '9007199254740993'",
                "'edge', repeat('9', 64)::jsonb",
                "'edge', to_jsonb(repeat('9', 1000))",
                "'edge', to_jsonb(repeat('[', 1000))",
                "'edge', to_jsonb(repeat('x', 1048574))",
                "'edge', body => decode(repeat('00', 1048576), 'hex')",
                "'edge', headers => (SELECT jsonb_object_agg('h' || g, 'v') FROM generate_series(1, 64) g)",
                "'edge', headers => jsonb_build_object('a', repeat('x', 8191))",
                "'edge', headers => '{}'",
                "'edge', deduplication_key => repeat(U&'\\+01F600', 200)",
                "'edge', correlation_id => E'a\\tb'",
                "'edge', delay => interval '400 days'",
                "'edge', time_to_live => interval '1 millisecond'",
                "'edge', at => 'epoch'",
                "repeat('x', 127)",
                "'a.b_c:d-e', type => 'A.b_c:d-e', type_version => 32767",
                "'edge', message_id => (left(postroom.lowest_id(now() - interval '23 hours')::text, 14) || '7000-8000-000000000001')::uuid",
                "'null'",
                "'0'",
            })
    void what_just_keeps_the_limits_is_taken(String arguments) {
        assertThat(entries(create(arguments))).hasSize(1);
        sql.sql("SELECT postroom.cancel(message_id) FROM postroom.queue_messages WHERE state IN ('READY', 'DELAYED')")
                .query()
                .listOfRows();
    }

    @Test
    void limits_are_those_of_java() {
        String text = sql.sql("SELECT string_agg(prosrc, '') FROM pg_proc"
                        + " WHERE pronamespace = 'postroom'::regnamespace AND proname ~ '^(require_|create_message)'")
                .query(String.class)
                .single();
        assertThat(text)
                .contains("{0," + (Limits.NAME_LENGTH - 1) + "}")
                .contains("1 to " + Limits.KEY_LENGTH + " characters")
                .contains("> " + Limits.PAYLOAD_BYTES + " ")
                .contains("> " + Limits.HEADERS + " ")
                .contains("> " + Limits.HEADER_BYTES + " ")
                .contains("{0," + (Limits.HEADER_NAME_LENGTH - 1) + "}")
                .contains("{" + Limits.JSON_DEPTH + " to last}")
                .contains("> " + Limits.NUMBER_LENGTH)
                .contains("1e" + (Limits.NUMBER_EXPONENT + 1))
                .contains(Limits.HORIZON.toDays() + " days");
    }

    @Test
    void what_is_shown_of_a_bad_value_is_short_and_escaped() {
        String message = refusal("E'a\\x1b\\nb' || repeat('x', 1000)").message;
        assertThat(message)
                .contains("got \"a\\u001b\\u000ab")
                .endsWith("… (1004 characters)\"")
                .hasSizeLessThan(250);
    }

    @Test
    void hostile_search_path_changes_nothing() throws SQLException {
        try (Connection connection = database.connect()) {
            JdbcClient hostile = on(connection);
            hostile.sql("CREATE SCHEMA hostile").update();
            hostile.sql("CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz"
                            + " LANGUAGE sql AS 'SELECT timestamptz ''2000-01-01'''")
                    .update();
            hostile.sql("SET search_path = hostile, pg_catalog").update();
            UUID id = create(hostile, "'path', delay => interval '1 hour'");
            assertThat(entryOf(id)).containsEntry("state", "DELAYED");
            assertThat(MessageIds.instantOf(id)).isAfter(Instant.now().minusSeconds(60));
        }
    }

    // ---- help

    private record Answer(UUID id, boolean isNew) {}

    private record Refusal(String state, String field, String message) {}

    private UUID create(String arguments) {
        return create(sql, arguments);
    }

    private static UUID create(JdbcClient on, String arguments) {
        Answer answer = createAnd(on, arguments);
        assertThat(answer.isNew).isTrue();
        return answer.id;
    }

    private Answer createAnd(String arguments) {
        return createAnd(sql, arguments);
    }

    private static Answer createAnd(JdbcClient on, String arguments) {
        return on.sql("SELECT id, is_new FROM postroom.create_message(" + arguments + ")")
                .query((row, number) -> new Answer(row.getObject(1, UUID.class), row.getBoolean(2)))
                .single();
    }

    private Refusal refusal(String arguments) {
        try (Connection connection = database.connect()) {
            connection.createStatement().executeQuery("SELECT * FROM postroom.create_message(" + arguments + ")");
            throw new AssertionError("taken: " + arguments);
        } catch (PSQLException refused) {
            ServerErrorMessage error = refused.getServerErrorMessage();
            assertThat(error).isNotNull();
            return new Refusal(
                    refused.getSQLState(), String.valueOf(error.getColumn()), String.valueOf(error.getMessage()));
        } catch (SQLException other) {
            throw new AssertionError(other);
        }
    }

    private static Refusal duplicate(DuplicateMessageException javas) {
        return new Refusal("23505", javas.field(), javas.getMessage());
    }

    private Map<String, Object> entryOf(UUID id) {
        return entries(id).get(0);
    }

    private List<Map<String, Object>> entries(UUID id) {
        return sql.sql("SELECT * FROM postroom.queue_messages WHERE message_id = ?")
                .param(id)
                .query()
                .listOfRows();
    }

    private Duration livesFor(UUID id) {
        long seconds = sql.sql(
                        "SELECT extract(epoch FROM expires_at - created_at)::bigint FROM postroom.queue_messages WHERE message_id = ?")
                .param(id)
                .query(Long.class)
                .single();
        return Duration.ofSeconds(seconds);
    }

    private List<UUID> claimed(String queue) {
        int worker = sql.sql(
                        "INSERT INTO postroom.worker (instance, name, version) VALUES (gen_random_uuid(), 'w', '1') RETURNING id")
                .query(Integer.class)
                .single();
        return sql.sql("""
                        SELECT c.message_id
                        FROM postroom.queue q,
                            postroom.claim(?, q.id, q.name, '{9,8,7,6,5,4,3,2,1,0}', array_fill(0::bigint, '{10}'), 10, 10, 10, 0) c
                        WHERE q.name = ?
                        """).params(worker, queue).query(UUID.class).list();
    }

    private boolean isSettled(Map<String, Object> sample) {
        return sql.sql(ClaimSql.IS_SETTLED.positional())
                .params(sample.get("writers"), sample.get("xid"), sample.get("writers"))
                .query(Boolean.class)
                .single();
    }

    private static JdbcClient on(Connection connection) {
        return JdbcClient.create(new SingleConnectionDataSource(connection, true));
    }
}
