package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.NewMessage;
import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** A new column is written by one line in {@link MessageColumns} and one assignment in {@code create_message}. */
@PostgresTest
class MessageColumnsTest {
    private static final String INSERT = "INSERT INTO postroom.message (";

    private final DataSource pool;
    private final JdbcClient sql;

    MessageColumnsTest(DataSource pool) {
        this.pool = pool;
        this.sql = JdbcClient.create(pool);
    }

    @Test
    void the_list_has_every_column_of_the_table() {
        List<String> listed = new ArrayList<>(List.of(MessageColumns.names().split(", ")));
        assertThat(listed).containsExactlyElementsOf(columns());
    }

    @Test
    void each_insert_of_a_message_has_the_list() throws IllegalAccessException {
        int inserts = 0;
        for (Field field : EnqueueSql.class.getDeclaredFields()) {
            field.setAccessible(true);
            for (Sql statement : statements(field.get(null))) {
                String text = statement.positional();
                assertThat(text).doesNotContain("{", "}");
                if (text.contains("INSERT INTO postroom.message")) {
                    inserts++;
                    assertThat(text).containsOnlyOnce(INSERT + MessageColumns.names() + ")");
                }
            }
        }
        assertThat(inserts).isEqualTo(6 + 2 + 2 * 2); // six for one message, four for many, two of these in two forms
    }

    private static List<Sql> statements(Object value) {
        if (value instanceof SqlOfOne one) {
            return List.of(one.in(message()));
        } else if (value instanceof EnqueueSql.Many many) {
            return List.of(many.named(), many.routed());
        }
        return value instanceof Sql statement ? List.of(statement) : List.of();
    }

    /** A SELECT of another shape than the table's would get a node on top, which computes each row once more. */
    @Test
    void select_of_an_insert_has_the_types_of_the_table_and_needs_no_further_node() {
        List<SqlOfOne> statements = List.of(
                EnqueueSql.ENQUEUE,
                EnqueueSql.ENQUEUE_NUMBERED,
                EnqueueSql.ENQUEUE_GIVEN,
                EnqueueSql.ENQUEUE_ONE_DIRECT,
                EnqueueSql.ENQUEUE_LEASED);
        assertThat(statements).allSatisfy(statement -> {
            assertThat(plan(statement.in(message())))
                    .contains("Insert on message")
                    .doesNotContain("Subquery Scan");
            assertThat(plan(statement.in(fullMessage()))).doesNotContain("Subquery Scan");
        });
    }

    private String plan(Sql statement) {
        String text = statement.positional();
        int parameters = (int) text.chars().filter(c -> c == '?').count();
        for (int i = 1; i <= parameters; i++) {
            text = text.replaceFirst("\\?", "\\$" + i);
        }
        String prepared = text;
        return new TransactionTemplate(new JdbcTransactionManager(pool)).execute(status -> {
            sql.sql("SET LOCAL plan_cache_mode = force_generic_plan").update();
            sql.sql("PREPARE looked_at AS " + prepared).update();
            String nulls = String.join(", ", Collections.nCopies(parameters, "NULL"));
            List<String> lines = sql.sql("EXPLAIN EXECUTE looked_at (" + nulls + ")")
                    .query(String.class)
                    .list();
            sql.sql("DEALLOCATE looked_at").update();
            return String.join("\n", lines);
        });
    }

    @Test
    void form_of_a_message_has_parameters_for_what_the_message_has_alone() {
        assertThat(EnqueueSql.ENQUEUE.in(message())).isSameAs(EnqueueSql.ENQUEUE.in(message()));
        assertThat(EnqueueSql.ENQUEUE.in(message()).positional())
                .contains("NULL::timestamptz", "1::int2, 4::int2, 0::int2", "NULL::jsonb, ?::jsonb, NULL::bytea");
        assertThat(EnqueueSql.ENQUEUE.in(fullMessage()).positional())
                .contains("?::int2, ?::int2, 1::int2, ?::text, ?::text, ?::text, ?::text", "?::jsonb, NULL::jsonb, ?");
    }

    private static NewMessage message() {
        return message(4, null, new Content(Direction.OUTGOING, "order", 1, "{}", null, null, null, null));
    }

    private static NewMessage fullMessage() {
        return message(
                9,
                Duration.ofHours(1),
                new Content(
                        Direction.INCOMING,
                        "order",
                        7,
                        null,
                        new byte[] {1},
                        "text/plain",
                        "{\"a\": \"b\"}",
                        "c",
                        null,
                        null,
                        "g"));
    }

    private static NewMessage message(int priority, @Nullable Duration timeToLive, Content content) {
        return new NewMessage(MessageIds.next(), false, 1, "orders", priority, content, null, null, timeToLive, null);
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
        assertThat(found).hasSize(10).containsOnly("EnqueueSql.java: " + INSERT + "{columns})");
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
                        ORDER BY a.attnum
                        """).query(String.class).list();
    }
}
