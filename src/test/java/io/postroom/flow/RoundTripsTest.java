package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.QueueSettings;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A message costs its caller's transaction one round trip to the database, whatever it holds. */
@PostgresTest
class RoundTripsTest {
    private final TestDatabase database;

    RoundTripsTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void a_message_in_a_callers_transaction_takes_exactly_one_round_trip() throws Exception {
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start();
                TcpProxy network = TcpProxy.to(database.host(), database.port());
                Connection connection = database.through(network).connect()) {
            postroom.queues().declare(QueueSettings.of("orders"));
            connection.setAutoCommit(false);
            for (int i = 0; i < 8; i++) { // beyond the driver's threshold for preparing a statement, too
                for (CreateMessage message : kinds()) {
                    try (Statement statement = connection.createStatement()) {
                        statement.execute("SELECT 'a business row'");
                    }
                    int before = network.roundTrips();
                    postroom.queueMessages().createMessage(message, connection);
                    assertThat(network.roundTrips() - before)
                            .as(message.toString())
                            .isEqualTo(1);
                    connection.commit();
                }
            }
        }
    }

    @Test
    void a_message_that_begins_the_transaction_takes_no_further_round_trip_for_begin() throws Exception {
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start();
                TcpProxy network = TcpProxy.to(database.host(), database.port());
                Connection connection = database.through(network).connect()) {
            postroom.queues().declare(QueueSettings.of("orders"));
            connection.setAutoCommit(false);
            int before = network.roundTrips();
            postroom.queueMessages().createMessage(CreateMessage.to("orders").payload("x"), connection);
            connection.commit();
            assertThat(network.roundTrips() - before).isEqualTo(2);
        }
    }

    private static List<CreateMessage> kinds() {
        return List.of(
                CreateMessage.to("orders").json("{\"n\": 1}"),
                CreateMessage.to("orders")
                        .json("order", 7, "{\"n\": 1}")
                        .priority(9)
                        .header("a", "b")
                        .correlationId("c")
                        .timeToLive(Duration.ofHours(1)),
                CreateMessage.to("orders").body(new byte[] {1}, "text/plain"),
                CreateMessage.to("orders").payload("later").delay(Duration.ofHours(1)));
    }
}
