package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A new column is written by one line in {@link MessageColumns} and one assignment in {@code create_message}. */
@PostgresTest
class MessageColumnsTest {
    private static final String INSERT = "INSERT INTO postroom.message (";

    private final JdbcClient sql;

    MessageColumnsTest(DataSource pool) {
        this.sql = JdbcClient.create(pool);
    }

    @Test
    void the_list_has_every_column_of_the_table() {
        List<String> listed = new ArrayList<>(List.of(MessageColumns.names().split(", ")));
        assertThat(listed).doesNotHaveDuplicates().doesNotContainAnyElementsOf(MessageColumns.NOT_FROM_A_HOST);
        listed.addAll(MessageColumns.NOT_FROM_A_HOST);
        assertThat(listed).containsExactlyInAnyOrderElementsOf(columns());
    }

    @Test
    void each_insert_of_a_message_has_the_list() throws IllegalAccessException {
        int inserts = 0;
        for (Field field : EnqueueSql.class.getDeclaredFields()) {
            if (field.getType() == Sql.class) {
                field.setAccessible(true);
                String text = ((Sql) field.get(null)).positional();
                assertThat(text).doesNotContain("{", "}");
                if (text.contains("INSERT INTO postroom.message")) {
                    inserts++;
                    assertThat(text).containsOnlyOnce(INSERT + MessageColumns.names() + ")");
                }
            }
        }
        assertThat(inserts).isEqualTo(7);
    }

    /** Only {@link EnqueueSql} inserts messages, and only by the placeholder. */
    @Test
    void no_other_list_is_written_by_hand() throws IOException {
        Pattern insert = Pattern.compile("INSERT INTO postroom\\.message\\b[^\\n]*");
        List<String> found = new ArrayList<>();
        try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".java")).toList()) {
                Matcher matcher = insert.matcher(Files.readString(file));
                while (matcher.find()) {
                    found.add(file.getFileName() + ": " + matcher.group());
                }
            }
        }
        assertThat(found).hasSize(7).containsOnly("EnqueueSql.java: " + INSERT + "{columns})");
    }

    /** A row that goes in whole has no defaults: each column is assigned. */
    @Test
    void create_message_assigns_every_column() {
        String body = sql.sql("SELECT prosrc FROM pg_proc WHERE oid = 'postroom.create_message'::regproc")
                .query(String.class)
                .single();
        assertThat(columns()).allSatisfy(column -> assertThat(body).contains("new_message." + column + " := "));
        assertThat(body).containsOnlyOnce("INSERT INTO postroom.message VALUES (new_message.*)");
    }

    private List<String> columns() {
        return sql.sql("""
                        SELECT a.attname
                        FROM pg_attribute a
                        WHERE a.attrelid = 'postroom.message'::regclass
                          AND a.attnum > 0
                          AND NOT a.attisdropped
                        """).query(String.class).list();
    }
}
