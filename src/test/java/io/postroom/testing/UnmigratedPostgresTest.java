package io.postroom.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

@PostgresTest(migrated = false)
class UnmigratedPostgresTest {
    @Test
    void database_is_empty(TestDatabase database) throws SQLException {
        try (Connection connection = database.connect();
                ResultSet schemas = connection.getMetaData().getSchemas(null, "postroom")) {
            assertThat(schemas.next()).isFalse();
        }
    }
}
