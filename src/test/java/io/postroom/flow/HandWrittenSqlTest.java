package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.UUID;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What slips in past all doors, by SQL written by hand, must not hurt its neighbours: it ends or waits alone, and its queue goes on. */
@PostgresTest
class HandWrittenSqlTest {
    @MessageType(value = "hand.written", version = 2)
    record Written(int number, Kind kind) {}

    enum Kind {
        GOOD
    }

    private final TestDatabase database;

    HandWrittenSqlTest(TestDatabase database) {
        this.database = database;
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', textBlock = """
            payload of another shape      | type = 'hand.written', type_version = 1, payload = '[1, 2]'                  | DELAYED
            number out of range           | type = 'hand.written', type_version = 1, payload = '{"number": 1e99}'        | DELAYED
            unknown enum value            | type = 'hand.written', type_version = 1, payload = '{"kind": "EVIL"}'        | DELAYED
            neither payload nor body      | type = 'hand.written', type_version = 1, payload = NULL, body = NULL         | DONE
            bytes where JSON is expected  | type = 'hand.written', type_version = 1, payload = NULL, body = '\\xac ed 00 05' | DELAYED
            deep nesting                  | type = 'hand.written', type_version = 1, \
                                            payload = concat(repeat('[', 2000), repeat(']', 2000))::jsonb | DELAYED
            class name in the payload     | type = 'hand.written', type_version = 1, \
                                            payload = '{"@class": "java.lang.Runtime", "number": 1}' | DONE
            headers that are no object    | type = 'hand.written', type_version = 1, payload = '{"number": 1}', headers = '[1]' | DONE
            header that is no text        | type = 'hand.written', type_version = 1, \
                                            payload = '{"number": 1}', headers = '{"a": {"b": 1}}' | DONE
            unknown direction             | type = 'hand.written', type_version = 1, payload = '{"number": 1}', direction = 7 | DONE
            type with strange characters  | type = E'a\\nb<script>', type_version = 1, payload = '1'                        | DELAYED
            negative version              | type = 'hand.written', type_version = -3, payload = '{"number": 1}'           | DONE
            created at infinity           | type = 'hand.written', type_version = 1, \
                                            payload = '{"number": 1}', created_at = 'infinity' | DONE
            expired for ever              | type = 'hand.written', type_version = 1, \
                                            payload = '{"number": 1}', expires_at = '-infinity' | EXPIRED
            counters out of range         | type = 'hand.written', type_version = 1, \
                                            payload = '{"number": 1}'; failures = 32767, deliveries = 32767 | DONE
            negative counters             | type = 'hand.written', type_version = 1, \
                                            payload = '{"number": 1}'; failures = -5, deliveries = -5 | DONE
            """)
    void ends_or_waits_alone_and_its_queue_goes_on(String name, String change, MessageState expected)
            throws SQLException {
        String queue = "hand." + MessageIds.next();
        try (Postroom postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(Handler.process(queue, Written.class, (payload, context) -> {
                    context.headers();
                    return Outcome.done();
                }))
                .start()) {
            UUID before = good(postroom, queue);
            UUID bad = good(postroom, queue);
            UUID after = good(postroom, queue);
            String[] changes = change.split(";");
            execute("UPDATE postroom.message SET " + changes[0] + " WHERE id = '" + bad + "'");
            if (changes.length > 1) {
                execute("UPDATE postroom.ready SET " + changes[1] + " WHERE message_id = '" + bad + "'");
            }

            PostroomKit.of(postroom).drain();

            assertThat(state(postroom, before)).isEqualTo(MessageState.DONE);
            assertThat(state(postroom, after)).isEqualTo(MessageState.DONE);
            assertThat(state(postroom, bad)).isEqualTo(expected);
        }
    }

    private static UUID good(Postroom postroom, String queue) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).payload(new Written(1, Kind.GOOD)))
                .id();
    }

    private static MessageState state(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            assertThat(statement.executeUpdate(sql)).isEqualTo(1);
        }
    }
}
