package io.postroom.internal.postgres;

import static java.util.stream.Collectors.joining;

import io.postroom.api.CreateMessage;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.Targets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The columns of {@code postroom.message}, each with its expression and where its value comes from. Every INSERT of {@link EnqueueSql} is
 * put together from this one list, so writing a new column is one line here and one assignment in {@code create_message}. Immutable.
 *
 * <p>Each INSERT lists all columns in the order of the table, and each expression has the type of its column. PostgreSQL would put another
 * node on top of the SELECT otherwise, which computes the row once more.
 *
 * <p>A statement for one message exists in several forms. What a message lacks is the word NULL in its form, and what it shares with nearly
 * all others is a constant: a parameter takes 2k instructions, as much as a column.
 */
final class MessageColumns {
    private static final String MICROS_FROM_NOW = "statement_timestamp() + %s * interval '1 microsecond'";

    private static final Column PRIORITY =
            int2("priority", "priority", "priorities", NewMessage::priority, CreateMessage.DEFAULT_PRIORITY);

    private static final Column GROUP =
            text("group_key", "group", "groups", message -> message.content().group());

    /** The order of the table. {@code seq} is an expression of the statement. */
    private static final List<Column> ALL = List.of(
            id(NewMessage::id),
            computed("seq", "{seq}"),
            computed("created_at", "statement_timestamp()"),
            micros("expires_at", "time_to_live", "timeToLive", "timesToLive", MICROS_FROM_NOW, NewMessage::timeToLive),
            int4("queue_id", "queue", "queues", NewMessage::queueId),
            int2(
                    "type_version",
                    "version",
                    "versions",
                    message -> message.content().version(),
                    0,
                    1),
            PRIORITY,
            int2(
                    "direction",
                    "direction",
                    "directions",
                    message -> message.content().direction().code(),
                    0,
                    1),
            text("type", "type", "types", message -> message.content().type()),
            text(
                    "correlation_id",
                    "correlation",
                    "correlations",
                    message -> message.content().correlationId()),
            GROUP,
            text(
                    "content_type",
                    "contentType",
                    "contentTypes",
                    message -> message.content().contentType()),
            computed("created_by", "NULL::text"), // it is for clients of create_message
            text(
                    "exchange",
                    "exchange",
                    "exchanges",
                    message -> message.content().exchange()),
            text(
                    "routing_key",
                    "routingKey",
                    "routingKeys",
                    message -> message.content().routingKey()),
            ints("queue_ids", "queueIds", MessageColumns::severalQueues),
            json("headers", message -> message.content().headers()),
            json("payload", message -> message.content().payload()),
            bytea("body", "bodies", message -> message.content().body()));

    /** Whether the exchanges and bindings are still those that chose the queue; NULL: the writing transaction chose it. */
    private static final String ROUTING_KNOWN =
            "AND (:routing::uuid IS NULL OR EXISTS (SELECT FROM postroom.routing_version v WHERE v.version = :routing::uuid))";

    private MessageColumns() {}

    /** Several queues as PostgreSQL writes an array; null: the message has one queue. */
    private static @Nullable String severalQueues(NewMessage message) {
        Targets targets = message.targets();
        return targets == null || targets.isSingle()
                ? null
                : targets.queues().stream()
                        .map(target -> String.valueOf(target.queueId()))
                        .collect(joining(",", "{", "}"));
    }

    /**
     * Fills in {@code {and routing known}}: the condition that messages created through an exchange have, and nothing for others.
     */
    static String fillRouting(String statement, boolean isRouted) {
        return statement.replace("{and routing known}", isRouted ? ROUTING_KNOWN : "");
    }

    /**
     * Fills in the placeholders of a statement for many messages: {@code {columns}} the names; {@code {arrays}} the parameters; {@code
     * {fields}} their names in {@code g}; {@code {rows}} the expressions over {@code g}.
     *
     * @param seq the expression for the column of that name
     */
    static String fillMany(String statement, String seq) {
        List<Column> given = ALL.stream().filter(Column::hasParameter).toList();
        return statement
                .replace("{columns}", names())
                .replace(
                        "{rows}",
                        ALL.stream()
                                .map(column -> column.over("g." + column.field))
                                .collect(joining(", ")))
                .replace(
                        "{arrays}",
                        given.stream()
                                .map(column -> ":" + column.many + "::" + column.type + "[]")
                                .collect(joining(", ")))
                .replace("{fields}", given.stream().map(Column::field).collect(joining(", ")))
                .replace("{seq}", seq);
    }

    /**
     * Fills in the placeholders of a statement for one message, in the form of that message: {@code {columns}} the names; {@code
     * {values}} the expressions; {@code {priority}} and {@code {group}} those of the priority and the group.
     *
     * @param expressions those of columns whose values come from the statement itself, by the column's name
     */
    static String fillOne(String statement, Map<String, String> expressions, NewMessage message) {
        return statement
                .replace("{columns}", names())
                .replace(
                        "{values}",
                        ALL.stream()
                                .map(column -> expressions.getOrDefault(column.name, column.inForm(message)))
                                .collect(joining(", ")))
                .replace("{priority}", PRIORITY.inForm(message))
                .replace("{group}", GROUP.inForm(message))
                .replace("{and routing known}", message.targets() == null ? "" : ROUTING_KNOWN);
    }

    /** The number of a message's form: messages of one form have one statement. There are 36864, and few hosts use more than three. */
    static int formOf(NewMessage message) {
        int form = 0;
        for (Column column : ALL) {
            form = form * (column.constants.size() + 1) + column.form.applyAsInt(message);
        }
        return form;
    }

    /** The names as an INSERT lists them. */
    static String names() {
        return ALL.stream().map(Column::name).collect(joining(", "));
    }

    /** Sets the parameters of {@code {values}} in the form of the message. */
    static void set(Sql.Call call, NewMessage message) throws SQLException {
        for (Column column : ALL) {
            if (column.form.applyAsInt(message) == 0 && call.has(column.one)) {
                column.setOne.to(call, message);
            }
        }
    }

    /** Sets the parameters of {@code {arrays}}. */
    static void set(Sql.Call call, List<NewMessage> messages) throws SQLException {
        for (Column column : ALL) {
            column.setMany.to(call, messages);
        }
    }

    @FunctionalInterface
    private interface Setter<T> {
        void to(Sql.Call call, T value) throws SQLException;
    }

    /**
     * One column.
     *
     * @param field its name in {@code g}, the rows of the arrays
     * @param one the parameter with the value of one message; empty: the statement computes the column
     * @param many the parameter with an array of the values of many messages
     * @param type the type of the elements of that array
     * @param expression what is written; {@code %s} stands for the value
     * @param constants expressions that some messages have instead
     * @param form which of the constants a message has, from 1; 0: the parameter
     */
    private record Column(
            String name,
            String field,
            String one,
            String many,
            String type,
            String expression,
            Setter<NewMessage> setOne,
            Setter<List<NewMessage>> setMany,
            List<String> constants,
            ToIntFunction<NewMessage> form) {

        boolean hasParameter() {
            return !one.isEmpty();
        }

        String over(String value) {
            return expression.replace("%s", value);
        }

        String inForm(NewMessage message) {
            int constant = form.applyAsInt(message);
            return constant == 0 ? over(":" + one) : constants.get(constant - 1);
        }
    }

    private static Column computed(String name, String expression) {
        return new Column(
                name,
                name,
                "",
                "",
                "",
                expression,
                (call, message) -> {},
                (call, messages) -> {},
                List.of(),
                message -> 0);
    }

    private static Column id(Function<NewMessage, UUID> value) {
        return new Column(
                "id",
                "id",
                "id",
                "ids",
                "uuid",
                "%s::uuid",
                (call, message) -> call.set("id", value.apply(message)),
                (call, messages) -> call.set("ids", ArrayValues.uuids(messages, value)),
                List.of(),
                message -> 0);
    }

    private static Column micros(
            String name,
            String field,
            String one,
            String many,
            String expression,
            Function<NewMessage, @Nullable Duration> value) {
        Function<NewMessage, @Nullable Long> micros = message -> Rows.nullableMicros(value.apply(message));
        return new Column(
                name,
                field,
                one,
                many,
                "int8",
                expression,
                (call, message) -> call.set(one, micros.apply(message)),
                (call, messages) -> call.set(many, ArrayValues.nullableLongs(messages, micros)),
                List.of("NULL::timestamptz"),
                orNull(value));
    }

    private static Column int4(String name, String one, String many, ToIntFunction<NewMessage> value) {
        return new Column(
                name,
                name,
                one,
                many,
                "int4",
                "%s::int4",
                (call, message) -> call.set(one, value.applyAsInt(message)),
                (call, messages) -> call.set(many, ArrayValues.ints(messages, value)),
                List.of(),
                message -> 0);
    }

    /** @param constants values that most messages have */
    private static Column int2(
            String name, String one, String many, ToIntFunction<NewMessage> value, Integer... constants) {
        List<Integer> values = List.of(constants);
        return new Column(
                name,
                name,
                one,
                many,
                "int2",
                "%s::int2",
                (call, message) -> call.set(one, value.applyAsInt(message)),
                (call, messages) -> call.set(many, ArrayValues.shorts(messages, value)),
                values.stream().map(constant -> constant + "::int2").toList(),
                message -> values.indexOf(value.applyAsInt(message)) + 1);
    }

    private static Column text(String name, String one, String many, Function<NewMessage, @Nullable String> value) {
        return new Column(
                name,
                name,
                one,
                many,
                "text",
                "%s::text",
                (call, message) -> call.set(one, value.apply(message)),
                (call, messages) -> call.set(many, ArrayValues.texts(messages, value)),
                List.of("NULL::text"),
                orNull(value));
    }

    /** JSON goes as text and is parsed by the server. */
    private static Column json(String name, Function<NewMessage, @Nullable String> value) {
        return new Column(
                name,
                name,
                name,
                name,
                "text",
                "%s::jsonb",
                (call, message) -> call.setUntyped(name, value.apply(message)),
                (call, messages) -> call.set(name, ArrayValues.texts(messages, value)),
                List.of("NULL::jsonb"),
                orNull(value));
    }

    /** Whole numbers go as the text of an array: the driver sends no array of arrays whose lengths differ. */
    private static Column ints(String name, String one, Function<NewMessage, @Nullable String> value) {
        return new Column(
                name,
                name,
                one,
                one,
                "text",
                "%s::int4[]",
                (call, message) -> call.setUntyped(one, value.apply(message)),
                (call, messages) -> call.set(one, ArrayValues.texts(messages, value)),
                List.of("NULL::int4[]"),
                orNull(value));
    }

    private static Column bytea(String name, String many, Function<NewMessage, byte @Nullable []> value) {
        return new Column(
                name,
                name,
                name,
                many,
                "bytea",
                "%s::bytea",
                (call, message) -> call.set(name, value.apply(message)),
                (call, messages) -> call.set(many, ArrayValues.bytes(messages, value)),
                List.of("NULL::bytea"),
                orNull(value));
    }

    private static ToIntFunction<NewMessage> orNull(Function<NewMessage, ?> value) {
        return message -> value.apply(message) == null ? 1 : 0;
    }
}
