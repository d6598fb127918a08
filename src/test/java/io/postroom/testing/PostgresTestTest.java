package io.postroom.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@PostgresTest
class PostgresTestTest {
    private final TestDatabase database;

    PostgresTestTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void class_has_one_migrated_database(DataSource pool, TestDatabase again) throws SQLException {
        assertThat(again).isSameAs(database);
        assertThat(pool).isSameAs(database.pool());
        assertThat(query(pool.getConnection(), "SELECT current_database()")).isEqualTo(database.name());
        assertThat(query(pool.getConnection(), "SELECT to_regclass('postroom.schema_history') IS NOT NULL"))
                .isEqualTo("t");
    }

    @Test
    @NotThroughPooler("PgBouncer waits for a missing database, and tells of it with another SQLSTATE")
    void database_of_ones_own_is_gone_after_close_even_if_in_use() throws SQLException {
        TestDatabase own = TestDatabase.create();
        Connection forgotten = own.connect();
        HikariDataSource more = own.newPool(2);
        assertThat(query(more.getConnection(), "SELECT 1")).isEqualTo("1");
        own.close();
        assertThat(more.isClosed()).isTrue();
        assertThatThrownBy(() -> query(forgotten, "SELECT 1")).isInstanceOf(SQLException.class);
        assertThatThrownBy(own::connect)
                .isInstanceOfSatisfying(
                        SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("3D000"));
    }

    @Test
    void connection_through_a_proxy_breaks_with_it() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                TestDatabase view = database.through(proxy)) {
            Connection connection = view.connect();
            assertThat(query(connection, "SELECT current_database()")).isEqualTo(database.name());
            proxy.cutAll();
            assertThatThrownBy(() -> query(connection, "SELECT 1"))
                    .isInstanceOfSatisfying(
                            SQLException.class, e -> assertThat(e.getSQLState()).startsWith("08"));
            assertThat(query(view.connect(), "SELECT 1")).isEqualTo("1");
        }
        assertThat(query(database.connect(), "SELECT 1"))
                .as("the view left the database alone")
                .isEqualTo("1");
    }

    @Nested
    class NestedClass {
        @Test
        void shares_the_database_of_the_outer_one(TestDatabase mine) {
            assertThat(mine).isSameAs(database);
        }
    }

    private static String query(Connection opened, String sql) throws SQLException {
        try (Connection connection = opened;
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            assertThat(rows.next()).isTrue();
            return rows.getString(1);
        }
    }
}
