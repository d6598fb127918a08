package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import io.postroom.internal.jobs.InspectDatabase;
import io.postroom.internal.postgres.PostgresInspection;
import io.postroom.test.PostroomKit;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A role that may not do all it has to, or does not see all it should: that is said by name, at the start and later. */
@PostgresTest
@NotThroughPooler("the pooler keeps sessions of a role that is dropped and made anew")
class RightsTest {
    private static final Path PAGE = Path.of("docs/operations.md");

    private final TestDatabase database;
    private final JdbcClient admin;
    private final String role;
    private final HikariDataSource pool = new HikariDataSource();

    RightsTest(TestDatabase database) {
        this.database = database;
        admin = JdbcClient.create(database.pool());
        role = "role_" + database.name();
    }

    /** The page's rights, in a database where a careful administrator took EXECUTE from PUBLIC. */
    @BeforeEach
    void role() throws IOException {
        admin.sql("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom FROM PUBLIC")
                .update();
        admin.sql(rightsOfThePage().replace("application", role)).update();
        admin.sql("ALTER ROLE " + role + " PASSWORD 'x'").update();
        pool.setJdbcUrl(database.url());
        pool.setUsername(role);
        pool.setPassword("x");
        pool.setMinimumIdle(0);
    }

    @AfterEach
    void drop() {
        pool.close();
        admin.sql("SELECT format('ALTER TABLE postroom.%I DISABLE ROW LEVEL SECURITY', c.relname) FROM pg_class c"
                        + " WHERE c.relnamespace = 'postroom'::regnamespace AND c.relrowsecurity")
                .query(String.class)
                .list()
                .forEach(sql -> admin.sql(sql).update());
        admin.sql("DROP POLICY IF EXISTS partial ON postroom.ready").update();
        admin.sql("DROP POLICY IF EXISTS everything ON postroom.ready").update();
        admin.sql("DROP OWNED BY " + role).update();
        admin.sql("DROP ROLE " + role).update();
    }

    private static String rightsOfThePage() throws IOException {
        String page = Files.readString(PAGE);
        int begin = page.indexOf("CREATE ROLE application LOGIN;");
        return page.substring(begin, page.indexOf("```", begin));
    }

    @Test
    void rights_of_the_page_are_enough() {
        try (Postroom postroom = worker().start()) {
            UUID id = create(postroom, Duration.ofMillis(1));
            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(postroom.problems()).isEmpty();
        }
    }

    @Test
    void start_names_what_the_role_may_not_do() {
        admin.sql("REVOKE EXECUTE ON FUNCTION postroom.promote, postroom.claim FROM " + role)
                .update();
        admin.sql("REVOKE UPDATE ON postroom.lease FROM " + role).update();
        admin.sql("REVOKE USAGE ON SEQUENCE postroom.ready_seq FROM " + role).update();

        assertThatThrownBy(() -> worker().start())
                .isInstanceOf(PostroomException.class)
                .hasMessageContaining(role)
                .hasMessageContaining("EXECUTE on function postroom.claim")
                .hasMessageContaining("EXECUTE on function postroom.promote")
                .hasMessageContaining("UPDATE on table postroom.lease")
                .hasMessageContaining("USAGE on sequence postroom.ready_seq")
                .hasMessageContaining("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO ");
    }

    @Test
    void right_taken_away_later_is_no_messages_fault_and_is_said_once() {
        try (Postroom postroom = worker().start();
                LogRecorder jobs = LogRecorder.of("io.postroom.internal.jobs", Level.DEBUG)) {
            UUID id = create(postroom, Duration.ofMillis(1));
            PostroomKit.of(postroom).await(id, MessageState.DONE);
            admin.sql("REVOKE EXECUTE ON FUNCTION postroom.promote FROM " + role)
                    .update();

            UUID due = create(postroom, Duration.ofMillis(1));

            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> jobs.count("PromoteDue failed again") >= 3);
            assertThat(jobs.events().stream()
                            .filter(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
                            .map(ILoggingEvent::getFormattedMessage)
                            .filter(line ->
                                    line.startsWith("PromoteDue"))) // the job that looks at the rights may say it, too
                    .singleElement()
                    .asString()
                    .contains("PromoteDue failed and is tried again", "permission denied", "The role lacks a right");
            assertThat(admin.sql("SELECT count(*) FROM postroom.dead_letter")
                            .query(Integer.class)
                            .single())
                    .isZero();

            admin.sql("GRANT EXECUTE ON FUNCTION postroom.promote TO " + role).update();
            PostroomKit.of(postroom).await(due, MessageState.DONE);
        }
    }

    @Test
    void row_security_on_ready_alone_stops_the_start() {
        admin.sql("ALTER TABLE postroom.ready ENABLE ROW LEVEL SECURITY").update();
        assertThatThrownBy(() -> worker().start())
                .isInstanceOf(PostroomException.class)
                .hasMessageContaining("row security hides every row of postroom.ready from role \"" + role + "\"")
                .hasMessageContaining("BYPASSRLS");
    }

    @Test
    void row_security_switched_on_later_is_said_and_is_a_problem_until_policies_show_everything() {
        InspectDatabase inspect = new InspectDatabase(new PostgresInspection(pool));
        try (LogRecorder said = LogRecorder.of("io.postroom.internal.jobs.InspectDatabase", Level.INFO)) {
            inspect.run();
            assertThat(said.lines()).isEmpty();

            admin.sql("ALTER TABLE postroom.ready ENABLE ROW LEVEL SECURITY").update();
            inspect.run();
            assertThat(inspect.obstacles())
                    .singleElement()
                    .asString()
                    .contains("row security hides every row of postroom.ready from role");

            admin.sql("CREATE POLICY partial ON postroom.ready USING (priority > 3)")
                    .update();
            inspect.run();
            assertThat(inspect.obstacles()).isEmpty();
            assertThat(said.lines()).last().asString().startsWith("no longer so: row security hides every row");
            assertThat(said.count("row security on postroom.ready may hide rows from role"))
                    .isOne();

            admin.sql("CREATE POLICY everything ON postroom.ready USING (true)").update();
            inspect.run();
            assertThat(said.lines())
                    .last()
                    .asString()
                    .startsWith("no longer so: row security on postroom.ready may hide");
        }
        try (Postroom postroom = worker().start()) {
            PostroomKit.of(postroom).await(create(postroom, Duration.ZERO), MessageState.DONE);
        }
    }

    @Test
    void row_security_on_the_history_of_migrations_does_not_look_like_missing_migrations() {
        admin.sql("ALTER TABLE postroom.schema_history ENABLE ROW LEVEL SECURITY")
                .update();
        for (SchemaMode mode : List.of(SchemaMode.VALIDATE, SchemaMode.MIGRATE)) {
            assertThatThrownBy(() -> worker().schema(mode).start())
                    .isInstanceOf(PostroomException.class)
                    .hasMessageContaining("row security hides every row of postroom.schema_history")
                    .hasMessageNotContaining("pending");
        }
    }

    @Test
    void schema_that_the_role_may_not_see_is_said() {
        admin.sql("REVOKE USAGE ON SCHEMA postroom FROM " + role).update();
        for (SchemaMode mode : SchemaMode.values()) {
            assertThatThrownBy(() -> worker().schema(mode).start())
                    .as("%s", mode)
                    .isInstanceOf(PostroomException.class)
                    .hasMessageContaining("may not use schema postroom")
                    .hasMessageContaining("GRANT USAGE ON SCHEMA postroom TO ");
        }
    }

    private Postroom.Builder worker() {
        return Postroom.on(pool)
                .schema(SchemaMode.VALIDATE)
                .handler(Handler.send("rights", String.class, (payload, context) -> Outcome.done()));
    }

    private static UUID create(Postroom postroom, Duration delay) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to("rights").payload("x").delay(delay))
                .id();
    }
}
