package io.postroom.internal.postgres.statement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.StoreException;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** Which statements of users are repeated after a failure that may pass. */
@PostgresTest
class StoreTransactionsTest {
    private final TestDatabase database;
    private final AtomicInteger refusals = new AtomicInteger();
    private final AtomicInteger runs = new AtomicInteger();
    private final StoreTransactions transactions;

    StoreTransactionsTest(TestDatabase database) {
        this.database = database;
        transactions = new StoreTransactions(new DelegatingDataSource(database.pool()) {
            @Override
            public Connection getConnection() throws SQLException {
                if (refusals.getAndDecrement() > 0) {
                    throw new SQLTransientConnectionException("no connection for now");
                }
                return super.getConnection();
            }
        });
    }

    @BeforeEach
    void begin() throws SQLException {
        refusals.set(0);
        runs.set(0);
        execute("DROP TABLE IF EXISTS public.counted", "CREATE TABLE public.counted (n int)");
    }

    @Test
    void read_and_change_outlive_a_pool_that_has_no_connection_for_a_while() {
        refusals.set(3);
        assertThat(transactions.<Integer>read("count", this::count)).isZero();
        refusals.set(3);
        transactions.change("add one", this::add);
        refusals.set(3);
        transactions.changes("add one", this::add);
        assertThat(transactions.<Integer>read("count", this::count)).isEqualTo(2);
    }

    @Test
    void statement_of_an_engine_loop_is_not_repeated_here() {
        refusals.set(1);
        assertThatThrownBy(() -> transactions.single("count", this::count)).isInstanceOf(StoreException.class);
    }

    @Test
    void read_whose_line_is_cut_is_repeated() {
        assertThat(transactions.<Integer>read("count", this::cutOnceThenCount)).isZero();
        assertThat(runs).hasValue(2);
    }

    /** Nobody knows whether the server has committed: a second try might do the same again. */
    @Test
    void change_whose_line_is_cut_is_not_repeated() {
        assertThatThrownBy(() -> transactions.change("add one", this::addAndCut))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("could not add one");
        assertThat(runs).hasValue(1);
        assertThat(transactions.<Integer>read("count", this::count)).isEqualTo(1);
    }

    @Test
    void refused_statement_is_not_repeated() {
        assertThatThrownBy(() -> transactions.read("read nothing", connection -> {
                    runs.incrementAndGet();
                    return value(connection, "SELECT 1 FROM public.missing");
                }))
                .isInstanceOf(StoreException.class);
        assertThat(runs).hasValue(1);
    }

    @Test
    void read_gives_up_after_a_while_and_on_an_interrupted_thread_at_once() {
        refusals.set(Integer.MAX_VALUE);
        assertThatThrownBy(() -> transactions.read("count", this::count)).hasMessageContaining("could not count");
        assertThat(Integer.MAX_VALUE - refusals.get()).as("tries").isBetween(3, 40);

        refusals.set(Integer.MAX_VALUE);
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(() -> transactions.read("count", this::count)).hasMessageContaining("could not count");
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    private int count(Connection connection) throws SQLException {
        return value(connection, "SELECT count(*) FROM public.counted");
    }

    private int add(Connection connection) throws SQLException {
        return value(connection, "INSERT INTO public.counted VALUES (1) RETURNING n");
    }

    private int cutOnceThenCount(Connection connection) throws SQLException {
        if (runs.incrementAndGet() == 1) {
            cut(connection);
        }
        return count(connection);
    }

    private int addAndCut(Connection connection) throws SQLException {
        runs.incrementAndGet();
        add(connection);
        cut(connection);
        return count(connection);
    }

    private void cut(Connection connection) throws SQLException {
        execute("SELECT pg_terminate_backend(" + value(connection, "SELECT pg_backend_pid()") + ", 10000)");
    }

    private static int value(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getInt(1);
        }
    }

    private void execute(String... sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            for (String one : sql) {
                statement.execute(one);
            }
        }
    }
}
