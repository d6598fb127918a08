package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.QueueSettings;
import io.postroom.homes.PostroomHomes;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Transactions of a host that each insert one business row and commit: alone, with a plain INSERT of a payload, or with a message. BEGIN
 * and COMMIT are the same in all three. Nothing works here: messages only come in.
 */
final class BusinessRows implements Contender {
    private static final String ROW = "INSERT INTO business_row (customer, amount) VALUES (?, ?)";

    private final String name;
    private final String settings;
    private final Opener opener;

    private BusinessRows(String name, String settings, Opener opener) {
        this.name = name;
        this.settings = settings;
        this.opener = opener;
    }

    static Contender alone() {
        return new BusinessRows("raw-tx, business row alone", "BEGIN, INSERT, COMMIT", pool -> new Addition() {
            @Override
            public void to(Connection connection, String payload) {}

            @Override
            public void close() {}
        });
    }

    static Contender withRow() {
        return new BusinessRows(
                "raw-tx, with a plain INSERT",
                "the same, and the payload into a table (id bigint identity, payload jsonb)",
                PlainInsert::new);
    }

    static Contender withMessage() {
        return new BusinessRows(
                "postroom", "the same, and a message by createMessage(message, connection)", Message::new);
    }

    /** The same by homes, of which there is one. */
    static Contender withMessageOfOneHome() {
        return new BusinessRows(
                "postroom, one home",
                "the same, and a message by createMessage(message, connection) of one home",
                MessageOfHome::new);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String settings() {
        return settings;
    }

    @Override
    public Line open(BenchDatabase database) throws Exception {
        HikariDataSource pool = database.pool(PostroomContender.POOL);
        try {
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE business_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                        + " customer text NOT NULL, amount int NOT NULL)");
            }
            return new Host(pool, opener.open(pool));
        } catch (SQLException | RuntimeException failed) {
            pool.close();
            throw failed;
        }
    }

    private interface Opener {
        Addition open(HikariDataSource pool) throws SQLException;
    }

    /** What a transaction does beside its business row. */
    private interface Addition extends AutoCloseable {
        void to(Connection connection, String payload) throws SQLException;

        @Override
        void close();
    }

    private record PlainInsert() implements Addition {
        PlainInsert(HikariDataSource pool) throws SQLException {
            this();
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE raw_queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                        + " payload jsonb NOT NULL)");
            }
        }

        @Override
        public void to(Connection connection, String payload) throws SQLException {
            try (PreparedStatement insert =
                    connection.prepareStatement("INSERT INTO raw_queue (payload) VALUES (?::jsonb)")) {
                insert.setString(1, payload);
                insert.executeUpdate();
            }
        }

        @Override
        public void close() {}
    }

    private record Message(Postroom postroom) implements Addition {
        Message(HikariDataSource pool) {
            this(Postroom.on(pool).workers(false).start());
            postroom.queues().declare(QueueSettings.of(PostroomContender.QUEUE));
        }

        @Override
        public void to(Connection connection, String payload) {
            postroom.queueMessages()
                    .createMessage(CreateMessage.to(PostroomContender.QUEUE).json("bench", 1, payload), connection);
        }

        @Override
        public void close() {
            postroom.stop(Duration.ofSeconds(5));
            postroom.close();
        }
    }

    private record MessageOfHome(PostroomHomes homes) implements Addition {
        MessageOfHome(HikariDataSource pool) {
            this(PostroomHomes.on(Map.of("main", pool))
                    .each((home, engine) -> engine.workers(false))
                    .queue(QueueSettings.of(PostroomContender.QUEUE))
                    .start());
        }

        @Override
        public void to(Connection connection, String payload) {
            homes.queueMessages()
                    .createMessage(CreateMessage.to(PostroomContender.QUEUE).json("bench", 1, payload), connection);
        }

        @Override
        public void close() {
            homes.stop(Duration.ofSeconds(5));
            homes.close();
        }
    }

    private record Host(HikariDataSource pool, Addition addition) implements EnqueueLine {
        @Override
        public void enqueue(String payload) throws SQLException {
            try (Connection connection = pool.getConnection()) {
                connection.setAutoCommit(false);
                try (PreparedStatement insert = connection.prepareStatement(ROW)) {
                    insert.setString(1, "ann@example.org");
                    insert.setInt(2, 12_990);
                    insert.executeUpdate();
                }
                addition.to(connection, payload);
                connection.commit();
            }
        }

        @Override
        public void enqueue(List<String> payloads) throws SQLException {
            for (String payload : payloads) {
                enqueue(payload);
            }
        }

        @Override
        public void close() {
            addition.close();
            pool.close();
        }
    }
}
