package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageIds;
import io.postroom.api.StoreException;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A message whose first try ends with the connection, and whose second try fails for good. */
@PostgresTest
class LostAnswerThenFailureTest {
    private final TestDatabase database;

    LostAnswerThenFailureTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void failure_names_the_message_whose_first_try_may_have_stored_it() throws SQLException {
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start()) {
            postroom.queueMessages().createMessage(CreateMessage.to("q").json("1"));
            execute("CREATE SEQUENCE tries");
            execute("""
                    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        IF nextval('tries') = 1 THEN
                            PERFORM pg_terminate_backend(pg_backend_pid());
                        END IF;
                        RAISE insufficient_privilege;
                    END
                    $$
                    """);
            execute("CREATE TRIGGER fail AFTER INSERT ON postroom.message FOR EACH ROW EXECUTE FUNCTION fail()");
            UUID id = MessageIds.next();

            assertThatThrownBy(() -> postroom.queueMessages()
                            .createMessage(CreateMessage.to("q").json("1").id(id)))
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("whether one of them stored it is not known")
                    .hasMessageContaining("find(\"" + id + "\")");
        }
    }

    private void execute(String statement) throws SQLException {
        try (Connection connection = database.connect();
                Statement sql = connection.createStatement()) {
            sql.execute(statement);
        }
    }
}
