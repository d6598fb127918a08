package io.postroom.internal.postgres;

import static java.util.stream.Collectors.joining;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.NewMessage;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The columns of {@code postroom.message} that a host writes, each with its expression and where its value comes from. Every INSERT of
 * {@link EnqueueSql} is put together from this one list, so writing a new column is one line here and one assignment in {@code
 * create_message}. Immutable.
 */
final class MessageColumns {
    private static final String MICROS_FROM_NOW = "statement_timestamp() + %s * interval '1 microsecond'";

    /** The order of the table. {@code seq} is an expression of the statement; it has no parameter. */
    private static final List<Column> ALL = List.of(
            id(NewMessage::id),
            new Column("seq", "", "", "", "{seq}", (call, message) -> {}, (call, messages) -> {}),
            micros("expires_at", "time_to_live", "timeToLive", "timesToLive", MICROS_FROM_NOW, NewMessage::timeToLive),
            int4("queue_id", "queue", "queues", NewMessage::queueId),
            int2(
                    "type_version",
                    "version",
                    "versions",
                    message -> message.content().version()),
            int2("priority", "priority", "priorities", NewMessage::priority),
            int2(
                    "direction",
                    "direction",
                    "directions",
                    message -> message.content().direction().code()),
            text("type", "type", "types", message -> message.content().type()),
            text(
                    "correlation_id",
                    "correlation",
                    "correlations",
                    message -> message.content().correlationId()),
            text(
                    "content_type",
                    "contentType",
                    "contentTypes",
                    message -> message.content().contentType()),
            json("headers", message -> message.content().headers()),
            json("payload", message -> message.content().payload()),
            bytea("body", "bodies", message -> message.content().body()));

    /** Columns that no host writes: the first has a default, the second is for clients of {@code create_message}. */
    static final Set<String> NOT_FROM_A_HOST = Set.of("created_at", "created_by");

    private MessageColumns() {}

    /**
     * Fills in a statement's placeholders: {@code {columns}} the names; {@code {values}} the expressions over the parameters of one
     * message; {@code {arrays}} the parameters of many messages; {@code {fields}} the names of those in {@code g}; {@code {rows}} the
     * expressions over {@code g}.
     *
     * @param seq the expression for the column of that name
     */
    static String fill(String statement, String seq) {
        return statement
                .replace("{columns}", names())
                .replace(
                        "{values}",
                        ALL.stream()
                                .map(column -> column.over(":" + column.one))
                                .collect(joining(", ")))
                .replace(
                        "{rows}",
                        ALL.stream()
                                .map(column -> column.over("g." + column.field))
                                .collect(joining(", ")))
                .replace(
                        "{arrays}",
                        ALL.stream()
                                .filter(Column::hasParameter)
                                .map(column -> ":" + column.many + "::" + column.type + "[]")
                                .collect(joining(", ")))
                .replace(
                        "{fields}",
                        ALL.stream()
                                .filter(Column::hasParameter)
                                .map(Column::field)
                                .collect(joining(", ")))
                .replace("{seq}", seq);
    }

    /** The names as an INSERT lists them. */
    static String names() {
        return ALL.stream().map(Column::name).collect(joining(", "));
    }

    /** Sets the parameters of {@code {values}}. */
    static void set(Sql.Call call, NewMessage message) throws SQLException {
        for (Column column : ALL) {
            column.setOne.to(call, message);
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
     * @param one the parameter with the value of one message
     * @param many the parameter with an array of the values of many messages
     * @param type the type of the elements of that array
     * @param expression what is written; {@code %s} stands for the value
     */
    private record Column(
            String name,
            String field,
            String one,
            String many,
            String type,
            String expression,
            Setter<NewMessage> setOne,
            Setter<List<NewMessage>> setMany) {

        Column(
                String name,
                String one,
                String many,
                String type,
                String expression,
                Setter<NewMessage> setOne,
                Setter<List<NewMessage>> setMany) {
            this(name, name, one, many, type, expression, setOne, setMany);
        }

        boolean hasParameter() {
            return !one.isEmpty();
        }

        String over(String value) {
            return expression.replace("%s", value);
        }
    }

    private static Column id(Function<NewMessage, UUID> value) {
        return new Column(
                "id",
                "id",
                "ids",
                "uuid",
                "%s",
                (call, message) -> call.set("id", value.apply(message)),
                (call, messages) -> call.set("ids", ArrayValues.uuids(messages, value)));
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
                (call, messages) -> call.set(many, ArrayValues.nullableLongs(messages, micros)));
    }

    private static Column int4(String name, String one, String many, ToIntFunction<NewMessage> value) {
        return new Column(
                name,
                one,
                many,
                "int4",
                "%s",
                (call, message) -> call.set(one, value.applyAsInt(message)),
                (call, messages) -> call.set(many, ArrayValues.ints(messages, value)));
    }

    private static Column int2(String name, String one, String many, ToIntFunction<NewMessage> value) {
        return new Column(
                name,
                one,
                many,
                "int2",
                "%s",
                (call, message) -> call.set(one, value.applyAsInt(message)),
                (call, messages) -> call.set(many, ArrayValues.shorts(messages, value)));
    }

    private static Column text(String name, String one, String many, Function<NewMessage, @Nullable String> value) {
        return new Column(
                name,
                one,
                many,
                "text",
                "%s",
                (call, message) -> call.set(one, value.apply(message)),
                (call, messages) -> call.set(many, ArrayValues.texts(messages, value)));
    }

    /** JSON goes as text and is parsed by the server. */
    private static Column json(String name, Function<NewMessage, @Nullable String> value) {
        return new Column(
                name,
                name,
                name,
                "text",
                "%s::jsonb",
                (call, message) -> call.setUntyped(name, value.apply(message)),
                (call, messages) -> call.set(name, ArrayValues.texts(messages, value)));
    }

    private static Column bytea(String name, String many, Function<NewMessage, byte @Nullable []> value) {
        return new Column(
                name,
                name,
                many,
                "bytea",
                "%s",
                (call, message) -> call.set(name, value.apply(message)),
                (call, messages) -> call.set(many, ArrayValues.bytes(messages, value)));
    }
}
