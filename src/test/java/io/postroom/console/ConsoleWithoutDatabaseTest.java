package io.postroom.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.Statement;
import org.junit.jupiter.api.Test;

/** What pages say while the database is slow or away. */
@PostgresTest
class ConsoleWithoutDatabaseTest {
    @Test
    void database_that_is_slow_or_away_is_said_on_the_page_and_comes_back(TestDatabase database) throws Exception {
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                RunningServer server = RunningServer.on(database.through(proxy))) {
            ConsoleClient client = new ConsoleClient(server.port(), "/console");
            client.page("/queues");
            try (Connection holder = database.connect();
                    Statement lock = holder.createStatement()) {
                holder.setAutoCommit(false);
                lock.execute("LOCK TABLE postroom.ready IN ACCESS EXCLUSIVE MODE");
                lock.execute("LOCK TABLE postroom.dead_letter IN ACCESS EXCLUSIVE MODE");
                HttpResponse<String> slow = client.get("/queues");
                assertThat(slow.statusCode()).as(slow.body()).isEqualTo(503);
                assertThat(slow.body()).contains("The database is slow", "<nav");
                holder.rollback();
            }
            proxy.refuseNew();
            proxy.cutAll();
            HttpResponse<String> away = client.get("/queues");
            assertThat(away.statusCode()).as(away.body()).isEqualTo(503);
            assertThat(away.body()).contains("The database does not answer").doesNotContain("Exception");
            proxy.resume();
            await().until(() -> client.get("/queues").statusCode() == 200);
        }
    }
}
