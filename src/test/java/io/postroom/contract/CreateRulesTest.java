package io.postroom.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.Deduplication;
import io.postroom.api.Direction;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.api.QueueMessages;
import io.postroom.server.RunningServer;
import io.postroom.testing.TestDatabase;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.util.PSQLException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Creating a message in Java, over HTTP and in SQL follows the same rules: one table of cases, four doors. */
class CreateRulesTest {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String NEW = "new";
    private static final String KNOWN = "known";
    private static TestDatabase database;
    private static RunningServer server;

    /** One way in: answers {@link #NEW}, {@link #KNOWN}, the field that was refused, or {@code duplicate}. */
    private interface Door {
        String create(Map<String, Object> message) throws Exception;
    }

    /** A case: what is sent after what else, and the answer. */
    private record Case(String name, Map<String, Object> before, Map<String, Object> message, String answer) {
        @Override
        public String toString() {
            return name;
        }
    }

    @BeforeAll
    static void start() {
        database = TestDatabase.create();
        server = RunningServer.on(database, "--postroom.demo=false");
    }

    @AfterAll
    static void stop() {
        server.close();
        database.close();
    }

    static Stream<Case> table() {
        UUID id = MessageIds.next();
        Instant now = Instant.now();
        Map<String, String> manyHeaders = new LinkedHashMap<>();
        for (int i = 0; i < 65; i++) {
            manyHeaders.put("h" + i, "v");
        }
        return Stream.of(
                accepted("nothing but a queue"),
                accepted(
                        "all fields",
                        "type",
                        "order.paid",
                        "version",
                        3,
                        "payload",
                        "{\"a\": 1}",
                        "delay",
                        Duration.ofMinutes(1),
                        "timeToLive",
                        Duration.ofHours(1),
                        "priority",
                        9,
                        "deduplicationKey",
                        "all",
                        "correlationId",
                        "c-1",
                        "group",
                        "g-1",
                        "headers",
                        Map.of("customer", "Ann <ann@example.org>"),
                        "direction",
                        "INCOMING",
                        "id",
                        MessageIds.next()),
                accepted("number kept beyond 64 bits", "payload", "{\"n\": 123456789012345678901234567890}"),
                accepted("scalar payload", "payload", "7"),
                accepted("null payload", "payload", "null"),
                accepted("due in the past", "at", now.minus(Duration.ofDays(3000))),
                accepted("due in 399 days", "at", now.plus(Duration.ofDays(399))),
                accepted("lowest priority", "priority", 0),
                accepted("key of 200 characters", "deduplicationKey", "k".repeat(200)),
                accepted("64 headers", "headers", Map.copyOf(new LinkedHashMap<>(first(manyHeaders, 64)))),
                accepted("key held until the end", "deduplicationKey", "e", "deduplicateUntil", "end"),
                refused("deduplicateUntil", "no such time", "deduplicationKey", "e", "deduplicateUntil", "never"),
                refused("onDuplicate", "no such answer", "deduplicationKey", "e", "onDuplicate", "ignore"),
                after(
                        "other content under a key that is held",
                        "duplicate",
                        message("deduplicationKey", "h", "payload", "1"),
                        message("deduplicationKey", "h", "payload", "2", "deduplicateUntil", "start")),
                after(
                        "other content under a key whose first message is kept",
                        KNOWN,
                        message("deduplicationKey", "h", "payload", "1"),
                        message("deduplicationKey", "h", "payload", "2", "onDuplicate", "keep")),
                after(
                        "other due time for the first message",
                        KNOWN,
                        message("deduplicationKey", "h", "payload", "1"),
                        message(
                                "deduplicationKey",
                                "h",
                                "payload",
                                "2",
                                "onDuplicate",
                                "reschedule",
                                "delay",
                                Duration.ofMinutes(1))),
                after(
                        "message in the place of one that waits",
                        NEW,
                        message("deduplicationKey", "h", "payload", "1"),
                        message(
                                "deduplicationKey",
                                "h",
                                "payload",
                                "2",
                                "deduplicateUntil",
                                "end",
                                "onDuplicate",
                                "replace")),
                refused("queue", "empty queue name", "queue", ""),
                refused("queue", "queue name with a quote", "queue", "a'; drop table x;--"),
                refused("queue", "queue name of 128 characters", "queue", "q".repeat(128)),
                accepted("queue name of 127 characters", "queue", "q".repeat(127)),
                accepted("queue name that is a word of JavaScript", "queue", "undefined"),
                refused("queue", "queue name with a placeholder", "queue", "$1"),
                refused("queue", "queue name with a backslash", "queue", "a\\b"),
                refused("queue", "queue name with a path", "queue", "../a"),
                refused("queue", "queue name with a zero-width space", "queue", "a\u200bb"),
                refused("queue", "queue name that changes direction", "queue", "\u202eabc"),
                refused("queue", "queue name with an emoji", "queue", "a\ud83d\ude00"),
                refused("queue", "queue name with a newline", "queue", "abc\n"),
                refused("queue", "queue name in Cyrillic", "queue", "\u0430bc"),
                refused("queue", "queue name that begins with a dot", "queue", ".."),
                refused("type", "type with a space", "type", "order paid", "version", 1),
                refused("version", "version 0", "type", "order.paid", "version", 0),
                refused("version", "version 32768", "type", "order.paid", "version", 32768),
                refused("priority", "priority 10", "priority", 10),
                refused("priority", "priority -1", "priority", -1),
                refused("delay", "negative delay", "delay", Duration.ofSeconds(-1)),
                refused("delay", "delay of 401 days", "delay", Duration.ofDays(401)),
                refused("at", "due in 401 days", "at", now.plus(Duration.ofDays(401))),
                refused(
                        "at",
                        "delay and due time together",
                        "delay",
                        Duration.ofSeconds(1),
                        "at",
                        now.plus(Duration.ofDays(1))),
                refused("timeToLive", "no time to live", "timeToLive", Duration.ZERO),
                refused(
                        "timeToLive",
                        "life that ends before it begins",
                        "delay",
                        Duration.ofMinutes(2),
                        "timeToLive",
                        Duration.ofMinutes(1)),
                refused("deduplicationKey", "empty key", "deduplicationKey", ""),
                refused("deduplicationKey", "key of 201 characters", "deduplicationKey", "k".repeat(201)),
                refused("correlationId", "correlation id of 201 characters", "correlationId", "c".repeat(201)),
                refused("correlationId", "correlation id with a newline", "correlationId", "a\nb"),
                accepted("group of 200 characters", "group", "g".repeat(200)),
                refused("group", "group of 201 characters", "group", "g".repeat(201)),
                refused("group", "empty group", "group", ""),
                refused("group", "group with a newline", "group", "a\nb"),
                refused("group", "group with an escape", "group", "a\u001bb"),
                refused("group", "group with a DEL", "group", "a\u007f"),
                accepted("group with a tab", "group", "a\tb"),
                refused("headers", "65 headers", "headers", manyHeaders),
                refused("headers", "header name with a colon", "headers", Map.of("a:b", "v")),
                refused("headers", "header value with a line break", "headers", Map.of("a", "v\r\nBcc: x")),
                refused("headers", "header name with a line break", "headers", Map.of("a\r\nBcc", "v")),
                refused("headers", "header name in Cyrillic", "headers", Map.of("\u0430", "v")),
                refused("headers", "empty header name", "headers", Map.of("", "v")),
                refused("headers", "8 KB of headers", "headers", Map.of("a", "v".repeat(8200))),
                refused("id", "random UUID", "id", UUID.randomUUID()),
                refused("id", "id of last year", "id", UUID.fromString("01900000-0000-7000-8000-000000000000")),
                refused("payload", "payload over 1 MiB", "payload", "\"" + "x".repeat(1024 * 1024) + "\""),
                refused("payload", "65 levels deep", "payload", "[".repeat(65) + "]".repeat(65)),
                refused("payload", "number with a huge exponent", "payload", "[1e1000]"),
                after(
                        "repeat with the same id",
                        KNOWN,
                        message("id", id, "payload", "1"),
                        message("id", id, "payload", "1")),
                after(
                        "same id, other content",
                        "duplicate",
                        message("id", id, "payload", "1"),
                        message("id", id, "payload", "2")),
                after(
                        "repeat with the same key",
                        KNOWN,
                        message("deduplicationKey", "k", "payload", "{\"a\":1,\"b\":2}"),
                        message("deduplicationKey", "k", "payload", "{\"b\": 2, \"a\": 1}")),
                after(
                        "same key, other content",
                        "duplicate",
                        message("deduplicationKey", "k", "payload", "1"),
                        message("deduplicationKey", "k", "payload", "2")),
                after(
                        "same key, other type",
                        "duplicate",
                        message("deduplicationKey", "k", "type", "a"),
                        message("deduplicationKey", "k", "type", "b")),
                after(
                        "same id in another queue",
                        "duplicate",
                        message("id", id, "queue", "rules.other"),
                        message("id", id)),
                after(
                        "key differs in its Unicode form",
                        NEW,
                        message("deduplicationKey", "\u00e9"),
                        message("deduplicationKey", "e\u0301")),
                after(
                        "key differs in a trailing space",
                        NEW,
                        message("deduplicationKey", "k"),
                        message("deduplicationKey", "k ")),
                after(
                        "key differs in case",
                        NEW,
                        message("deduplicationKey", "key"),
                        message("deduplicationKey", "KEY")));
    }

    static Stream<Arguments> casesAtEachDoor() {
        Map<String, Door> doors = new LinkedHashMap<>();
        doors.put("Java", CreateRulesTest::inJava);
        doors.put("HTTP", CreateRulesTest::overHttp);
        doors.put("SQL", CreateRulesTest::inSql);
        doors.put("SQL, many at once", CreateRulesTest::inSqlBatch);
        List<Arguments> all = new ArrayList<>();
        doors.forEach((name, door) -> table().forEach(one -> all.add(Arguments.of(name, door, one))));
        return all.stream();
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("casesAtEachDoor")
    void message_is_created_or_refused_by_the_same_rule(String name, Door door, Case one) throws Exception {
        String queue = "rules." + MessageIds.next();
        long before = messages();
        if (!one.before.isEmpty()) {
            assertThat(door.create(withQueue(one.before, queue))).isEqualTo(NEW);
            before++;
        }
        assertThat(door.create(withQueue(one.message, queue))).isEqualTo(one.answer);
        assertThat(messages() - before).as("messages written").isEqualTo(one.answer.equals(NEW) ? 1 : 0);
    }

    /** In SQL it is PostgreSQL that takes no NUL in a text, before any function is called. */
    @Test
    void group_with_a_nul_is_refused_at_each_door_and_nothing_is_written() throws Exception {
        Map<String, Object> message = withQueue(message("group", "a\u0000b"), "rules." + MessageIds.next());
        long before = messages();
        assertThat(inJava(message)).isEqualTo("group");
        assertThat(overHttp(message)).isEqualTo("group");
        assertThatThrownBy(() -> CreateMessage.to("q").group("a\u0000b"))
                .hasMessage("group must be no control characters, got \"a\\u0000b\"");
        assertThatThrownBy(() -> inSql(message))
                .hasMessageContaining("invalid byte sequence for encoding \"UTF8\": 0x00");
        assertThatThrownBy(() -> inSqlBatch(message)).hasMessageContaining("\\u0000 cannot be converted to text");
        assertThat(messages()).isEqualTo(before);
        assertThat(queues((String) message.get("queue"))).isZero();
    }

    // ---- the four doors

    private static String inJava(Map<String, Object> message) {
        try {
            CreateMessage create = CreateMessage.to((String) message.get("queue"));
            String payload = (String) message.getOrDefault("payload", "null");
            String type = (String) message.getOrDefault("type", "case"); // JSON as given has a type in Java
            create = create.json(type, (int) message.getOrDefault("version", 1), payload);
            for (Map.Entry<String, Object> field : message.entrySet()) {
                create = set(create, field.getKey(), field.getValue());
            }
            return server.bean(QueueMessages.class).createMessage(create).isNew() ? NEW : KNOWN;
        } catch (InvalidMessageException refused) {
            return refused.field();
        } catch (DuplicateMessageException duplicate) {
            return "duplicate";
        }
    }

    private static CreateMessage set(CreateMessage create, String field, Object value) {
        return switch (field) {
            case "id" -> create.id((UUID) value);
            case "delay" -> create.delay((Duration) value);
            case "at" -> create.at((Instant) value);
            case "timeToLive" -> create.timeToLive((Duration) value);
            case "priority" -> create.priority((int) value);
            case "deduplicationKey" -> create.deduplicate((String) value, create.deduplication());
            case "deduplicateUntil" ->
                create.deduplicate(
                        create.deduplicationKey().orElseThrow(),
                        new Deduplication(
                                Deduplication.Until.ofCode((String) value),
                                create.deduplication().onDuplicate()));
            case "onDuplicate" ->
                create.deduplicate(
                        create.deduplicationKey().orElseThrow(),
                        new Deduplication(
                                create.deduplication().until(), Deduplication.OnDuplicate.ofCode((String) value)));
            case "correlationId" -> create.correlationId((String) value);
            case "group" -> create.group((String) value);
            case "direction" -> create.direction(Direction.valueOf((String) value));
            case "headers" -> {
                CreateMessage with = create;
                for (Map.Entry<?, ?> header : ((Map<?, ?>) value).entrySet()) {
                    with = with.header((String) header.getKey(), (String) header.getValue());
                }
                yield with;
            }
            default -> create;
        };
    }

    private static String overHttp(Map<String, Object> message) throws Exception {
        HttpResponse<String> answer = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + "/api/v1/messages"))
                                .header("Content-Type", "application/json")
                                .POST(HttpRequest.BodyPublishers.ofString(json(message)))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        return switch (answer.statusCode()) {
            case 201 -> NEW;
            case 200 -> KNOWN;
            case 409 -> "duplicate";
            case 413, 422 -> JSON.readTree(answer.body()).path("field").asString("payload");
            default -> answer.statusCode() + " " + answer.body();
        };
    }

    private static String json(Map<String, Object> message) {
        ObjectNode body = JSON.createObjectNode();
        message.forEach((field, value) -> {
            if (!field.equals("payload")) {
                body.set(
                        field,
                        JSON.valueToTree(value instanceof Integer || value instanceof Map ? value : value.toString()));
            }
        });
        String json = JSON.writeValueAsString(body);
        if (message.containsKey("payload")) {
            json = json.substring(0, json.length() - 1) + ", \"payload\": " + message.get("payload") + "}";
        }
        return json;
    }

    private static String inSqlBatch(Map<String, Object> message) throws SQLException {
        return call("SELECT is_new FROM postroom.create_messages(?::jsonb)", List.of("[" + json(message) + "]"));
    }

    private static String inSql(Map<String, Object> message) throws SQLException {
        Map<String, Object> arguments = new LinkedHashMap<>();
        message.forEach((field, value) -> {
            switch (field) {
                case "payload" -> arguments.put("payload => ?::jsonb", value);
                case "version" -> arguments.put("type_version => ?", value);
                case "id" -> arguments.put("message_id => ?", value);
                case "delay" -> arguments.put("delay => ?::interval", ((Duration) value).toSeconds() + " seconds");
                case "timeToLive" ->
                    arguments.put("time_to_live => ?::interval", ((Duration) value).toSeconds() + " seconds");
                case "at" -> arguments.put("at => ?", OffsetDateTime.ofInstant((Instant) value, ZoneOffset.UTC));
                case "deduplicationKey" -> arguments.put("deduplication_key => ?", value);
                case "deduplicateUntil" -> arguments.put("deduplicate_until => ?", value);
                case "onDuplicate" -> arguments.put("on_duplicate => ?", value);
                case "correlationId" -> arguments.put("correlation_id => ?", value);
                case "group" -> arguments.put("group_key => ?", value);
                case "headers" -> arguments.put("headers => ?::jsonb", JSON.writeValueAsString(value));
                default -> arguments.put(field + " => ?", value);
            }
        });
        return call(
                "SELECT is_new FROM postroom.create_message(" + String.join(", ", arguments.keySet()) + ")",
                arguments.values());
    }

    private static String call(String function, Collection<Object> arguments) throws SQLException {
        try (Connection connection = database.pool().getConnection();
                PreparedStatement call = connection.prepareStatement(function)) {
            int index = 1;
            for (Object value : arguments) {
                call.setObject(index++, value);
            }
            try (ResultSet row = call.executeQuery()) {
                row.next();
                return row.getBoolean(1) ? NEW : KNOWN;
            }
        } catch (PSQLException refused) {
            if (refused.getSQLState().equals("23505")) {
                return "duplicate";
            }
            assertThat(refused.getSQLState()).as(refused.getMessage()).isEqualTo("22023");
            return refused.getServerErrorMessage().getColumn();
        }
    }

    // ---- the table's words

    private static Case accepted(String name, Object... fields) {
        return new Case(name, Map.of(), message(fields), NEW);
    }

    private static Case refused(String field, String name, Object... fields) {
        return new Case(name, Map.of(), message(fields), field);
    }

    private static Case after(String name, String answer, Map<String, Object> before, Map<String, Object> message) {
        return new Case(name, before, message, answer);
    }

    private static Map<String, Object> message(Object... fields) {
        Map<String, Object> message = new LinkedHashMap<>();
        for (int i = 0; i < fields.length; i += 2) {
            message.put((String) fields[i], fields[i + 1]);
        }
        return message;
    }

    /** Ids are known in the whole database, so each run of a case gets ids of its own. */
    private static Map<String, Object> withQueue(Map<String, Object> message, String queue) {
        Map<String, Object> with = new LinkedHashMap<>();
        with.put("queue", queue);
        with.putAll(message);
        if (with.get("id") instanceof UUID id
                && MessageIds.isVersion7(id)
                && !id.toString().startsWith("0190")) {
            with.put(
                    "id",
                    new UUID(
                            id.getMostSignificantBits(),
                            UUID.nameUUIDFromBytes(queue.getBytes(java.nio.charset.StandardCharsets.UTF_8))
                                    .getLeastSignificantBits()));
        }
        return with;
    }

    private static Map<String, String> first(Map<String, String> headers, int count) {
        Map<String, String> few = new LinkedHashMap<>();
        headers.entrySet().stream().limit(count).forEach(header -> few.put(header.getKey(), header.getValue()));
        return few;
    }

    private static long messages() throws SQLException {
        return number("SELECT count(*) FROM postroom.message");
    }

    private static long queues(String name) throws SQLException {
        return number("SELECT count(*) FROM postroom.queue WHERE name = '" + name + "'");
    }

    private static long number(String query) throws SQLException {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getLong(1);
        }
    }
}
