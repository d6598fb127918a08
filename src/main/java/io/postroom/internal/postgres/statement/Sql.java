package io.postroom.internal.postgres.statement;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGStatement;

/**
 * A statement with {@code :named} parameters. Its text is parsed once, when its class is loaded. After that a call costs one map look-up
 * per name.
 *
 * <p>The parser leaves quotes, comments and casts ({@code ::uuid}) alone. Line breaks are sent as they stand. Immutable and thread-safe; a
 * {@link Call} belongs to one thread.
 */
public final class Sql {
    private static final String NAME_LINE = "-- name: ";

    private final String name;
    private final String positional;
    private final Map<String, int[]> positions;
    private final boolean plannedAnew;

    private Sql(String name, String positional, Map<String, int[]> positions, boolean plannedAnew) {
        this.name = name;
        this.positional = positional;
        this.positions = positions;
        this.plannedAnew = plannedAnew;
    }

    /**
     * Parses a text.
     *
     * @throws IllegalArgumentException the first line is not {@code -- name: verb}, or the text has a question mark, which the driver takes
     *     for a parameter
     */
    public static Sql of(String text) {
        int firstLine = text.indexOf('\n');
        if (!text.startsWith(NAME_LINE) || firstLine < 0) {
            throw new IllegalArgumentException(
                    "a statement begins with a line \"" + NAME_LINE + "verb\", got: " + text);
        }
        Parser parser = new Parser(text);
        parser.parse();
        Map<String, int[]> positions = new HashMap<>();
        for (int i = 0; i < parser.names.size(); i++) {
            int position = i + 1;
            positions.merge(parser.names.get(i), new int[] {position}, (before, more) -> {
                int[] joined = Arrays.copyOf(before, before.length + 1);
                joined[before.length] = position;
                return joined;
            });
        }
        return new Sql(
                text.substring(NAME_LINE.length(), firstLine).strip(), parser.positional.toString(), positions, false);
    }

    /** The same statement, planned for its values at each call. Meant for rare questions whose best plan depends on the values. */
    public Sql plannedAnew() {
        return new Sql(name, positional, positions, true);
    }

    /** The verb of the first line. */
    public String name() {
        return name;
    }

    /** The text as it is sent, with {@code ?} for each name. */
    public String positional() {
        return positional;
    }

    /** Prepares one execution on a connection. */
    public Call on(Connection connection) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(positional);
        if (plannedAnew) {
            statement.unwrap(PGStatement.class).setPrepareThreshold(0);
        }
        return new Call(connection, statement);
    }

    /** Turns the current row into a value. Columns are counted from 1. */
    @FunctionalInterface
    public interface Row<T> {
        /** Reads the current row; does not move on. */
        T read(ResultSet row) throws SQLException;
    }

    /**
     * One execution: set every name, then run it. Closing a call returns the statement to the driver's cache, which keeps it prepared on
     * the server.
     */
    public final class Call implements AutoCloseable {
        private final Connection connection;
        private final PreparedStatement statement;

        private Call(Connection connection, PreparedStatement statement) {
            this.connection = connection;
            this.statement = statement;
        }

        /** Whether the statement has this parameter. Texts that are put together from parts may lack one. */
        public boolean has(String name) {
            return positions.containsKey(name);
        }

        public Call set(String name, int value) throws SQLException {
            for (int position : positionsOf(name)) {
                statement.setInt(position, value);
            }
            return this;
        }

        public Call set(String name, long value) throws SQLException {
            for (int position : positionsOf(name)) {
                statement.setLong(position, value);
            }
            return this;
        }

        public Call set(String name, boolean value) throws SQLException {
            for (int position : positionsOf(name)) {
                statement.setBoolean(position, value);
            }
            return this;
        }

        public Call set(String name, @Nullable Long value) throws SQLException {
            for (int position : positionsOf(name)) {
                if (value == null) {
                    statement.setNull(position, Types.BIGINT);
                } else {
                    statement.setLong(position, value);
                }
            }
            return this;
        }

        public Call set(String name, @Nullable Integer value) throws SQLException {
            for (int position : positionsOf(name)) {
                if (value == null) {
                    statement.setNull(position, Types.INTEGER);
                } else {
                    statement.setInt(position, value);
                }
            }
            return this;
        }

        public Call set(String name, @Nullable String value) throws SQLException {
            for (int position : positionsOf(name)) {
                statement.setString(position, value);
            }
            return this;
        }

        public Call set(String name, byte @Nullable [] value) throws SQLException {
            for (int position : positionsOf(name)) {
                statement.setBytes(position, value);
            }
            return this;
        }

        /** Sends a UUID in binary. */
        public Call set(String name, UUID value) throws SQLException {
            for (int position : positionsOf(name)) {
                statement.setObject(position, value);
            }
            return this;
        }

        public Call set(String name, @Nullable Instant value) throws SQLException {
            for (int position : positionsOf(name)) {
                if (value == null) {
                    statement.setNull(position, Types.TIMESTAMP_WITH_TIMEZONE);
                } else {
                    statement.setObject(position, value.atOffset(ZoneOffset.UTC));
                }
            }
            return this;
        }

        /** Sends a text whose type the server takes from the statement: JSON, or whatever a cast beside the name says. */
        public Call setUntyped(String name, @Nullable String value) throws SQLException {
            for (int position : positionsOf(name)) {
                if (value == null) {
                    statement.setNull(position, Types.OTHER);
                } else {
                    statement.setObject(position, value, Types.OTHER);
                }
            }
            return this;
        }

        /** Sends an array. The driver sends {@code int2[]}, {@code int4[]} and {@code int8[]} in binary. */
        public Call set(String name, short[] values) throws SQLException {
            return setArray(name, "int2", values);
        }

        public Call set(String name, int[] values) throws SQLException {
            return setArray(name, "int4", values);
        }

        public Call set(String name, long[] values) throws SQLException {
            return setArray(name, "int8", values);
        }

        public Call set(String name, @Nullable Long @Nullable [] values) throws SQLException {
            return setArray(name, "int8", values);
        }

        public Call setShorts(String name, @Nullable Short[] values) throws SQLException {
            return setArray(name, "int2", values);
        }

        /** Sends a {@code text[]}. A null element becomes NULL; null instead of the array becomes NULL as a whole. */
        public Call set(String name, @Nullable String @Nullable [] values) throws SQLException {
            return setArray(name, "text", values);
        }

        public Call set(String name, byte @Nullable [] @Nullable [] values) throws SQLException {
            return setArray(name, "bytea", values);
        }

        /**
         * Sends a {@code uuid[]}; the statement needs {@code ::uuid[]} beside the name. The driver has no binary form for it: see {@link
         * UuidArrays}.
         */
        public Call set(String name, UUID[] values) throws SQLException {
            return setUntyped(name, UuidArrays.text(values));
        }

        private Call setArray(String name, String type, @Nullable Object values) throws SQLException {
            for (int position : positionsOf(name)) {
                if (values == null) {
                    statement.setNull(position, Types.OTHER);
                } else {
                    Array array = values instanceof Object[] objects
                            ? connection.createArrayOf(type, objects)
                            : connection
                                    .unwrap(org.postgresql.PGConnection.class)
                                    .createArrayOf(type, values);
                    statement.setArray(position, array);
                }
            }
            return this;
        }

        /** Runs the statement; returns all rows. */
        public <T> List<T> list(Row<T> row) throws SQLException {
            try (ResultSet rows = statement.executeQuery()) {
                List<T> list = new ArrayList<>();
                while (rows.next()) {
                    list.add(row.read(rows));
                }
                return list;
            }
        }

        /** Runs the statement; returns the first row, if there is one. */
        public <T> Optional<T> first(Row<T> row) throws SQLException {
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(row.read(rows)) : Optional.empty();
            }
        }

        /** Runs a statement that always answers a row; returns the first one. */
        public <T> T one(Row<T> row) throws SQLException {
            try (ResultSet rows = statement.executeQuery()) {
                if (!rows.next()) {
                    throw new SQLException("statement \"" + name + "\" answered no row");
                }
                return row.read(rows);
            }
        }

        /** Runs the statement; returns how many rows were written. */
        public int update() throws SQLException {
            return statement.executeUpdate();
        }

        @Override
        public void close() throws SQLException {
            statement.close();
        }

        private int[] positionsOf(String name) {
            int[] found = positions.get(name);
            if (found == null) {
                throw new IllegalArgumentException("statement \"" + Sql.this.name + "\" has no parameter :" + name);
            }
            return found;
        }
    }

    /** Copies a text and puts {@code ?} where a name stands. */
    private static final class Parser {
        private final String text;
        private final StringBuilder positional = new StringBuilder();
        private final List<String> names = new ArrayList<>();
        private int at;

        Parser(String text) {
            this.text = text;
        }

        void parse() {
            while (at < text.length()) {
                char c = text.charAt(at);
                if (text.startsWith("--", at)) {
                    copyTo(endOf("\n", at));
                } else if (text.startsWith("/*", at)) {
                    copyTo(endOf("*/", at + 2));
                } else if (c == '\'' || c == '"') {
                    copyTo(endOf(String.valueOf(c), at + 1));
                } else if (text.startsWith("$$", at)) {
                    copyTo(endOf("$$", at + 2));
                } else if (text.startsWith("::", at)) {
                    copyTo(at + 2);
                } else if (c == ':' && at + 1 < text.length() && Character.isJavaIdentifierStart(text.charAt(at + 1))) {
                    name();
                } else if (c == '?') {
                    throw new IllegalArgumentException("a question mark means a parameter to the driver: " + text);
                } else {
                    copyTo(at + 1);
                }
            }
        }

        private void name() {
            int end = at + 1;
            while (end < text.length() && Character.isJavaIdentifierPart(text.charAt(end))) {
                end++;
            }
            names.add(text.substring(at + 1, end));
            positional.append('?');
            at = end;
        }

        private void copyTo(int end) {
            positional.append(text, at, end);
            at = end;
        }

        private int endOf(String mark, int from) {
            int found = text.indexOf(mark, from);
            return found < 0 ? text.length() : found + mark.length();
        }
    }
}
