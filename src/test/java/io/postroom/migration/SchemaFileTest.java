package io.postroom.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.SqlFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Compares {@code db/schema.sql}, which shows what a migration changes. {@code -Dpostroom.schema.write=true} writes it anew. */
@PostgresTest
class SchemaFileTest {
    private static final Path FILE = Path.of("db/schema.sql");

    @Test
    void schema_file_is_what_the_migrations_make(DataSource pool) throws IOException {
        JdbcClient sql = JdbcClient.create(pool);
        assumeTrue(
                sql.sql("SELECT current_setting('server_version_num')::int / 10000")
                                .query(Integer.class)
                                .single()
                        == 18,
                "the file is written by PostgreSQL 18");
        String made = String.join(
                        "\n",
                        sql.sql(SqlFile.read(Path.of("db/describe.sql")).statement(Map.of()))
                                .query(String.class)
                                .list())
                + "\n";
        if (Boolean.getBoolean("postroom.schema.write")) {
            Files.writeString(FILE, made);
        }
        assertThat(Files.readString(FILE))
                .as("%s; write it anew with -Dpostroom.schema.write=true", FILE)
                .isEqualTo(made);
    }
}
