package io.postroom.testing;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The invariant checker, {@code db/checks/conservation.sql}. Looks at the whole database of the test class. */
public final class Conservation {
    private static final String STATEMENT =
            SqlFile.read(Path.of("db/checks/conservation.sql")).statement(Map.of());

    private Conservation() {}

    /** What is wrong; empty when all is well. Run it outside a transaction or in a READ COMMITTED one. */
    public static List<Violation> check(JdbcClient sql) {
        return sql.sql(STATEMENT)
                .query((row, number) -> new Violation(
                        row.getString(1), row.getString(2), row.getObject(3, UUID.class), row.getString(4)))
                .list();
    }

    /** A broken invariant. */
    public record Violation(
            String check, @Nullable String queue, @Nullable UUID messageId, String detail) {}
}
