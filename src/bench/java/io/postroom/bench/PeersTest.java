package io.postroom.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The peers are set up properly: one that loses or repeats work, or waits without need, would make any comparison worthless. */
@PostgresTest(migrated = false)
class PeersTest {
    private static final String PAYLOAD = "{\"order\":\"A-1\",\"text\":\"" + "x".repeat(176) + "\"}";
    private static final int WAITING = 50;

    static Stream<Contender> peers() {
        return Stream.concat(Peers.all().stream(), Stream.of(DbScheduler.polling()));
    }

    @ParameterizedTest
    @MethodSource("peers")
    void each_message_is_handled_once_and_acknowledged(Contender peer, TestDatabase database) throws Exception {
        empty(database);
        Queue<String> handled = new ConcurrentLinkedQueue<>();
        List<String> bulk = IntStream.range(0, 20).mapToObj(i -> "bulk " + i).toList();

        Contender.Line line = peer.open(new BenchDatabase(database.url(), database.user(), database.password()));
        try (line) {
            line.fill(WAITING, PAYLOAD);
            assertThat(line.unacknowledged()).isEqualTo(WAITING);
            line.prepare(handled::add);
            assertThat(handled).isEmpty();
            line.begin();
            acknowledged(line);
            assertThat(handled).containsExactlyElementsOf(Collections.nCopies(WAITING, PAYLOAD));

            handled.clear();
            line.enqueue("single");
            line.enqueue(bulk);
            acknowledged(line);
            assertThat(handled).hasSize(21).contains("single").containsAll(bulk);
        }
    }

    @ParameterizedTest
    @MethodSource("peers")
    void work_that_is_left_does_not_hold_up_the_end(Contender peer, TestDatabase database) throws Exception {
        empty(database);
        Contender.Line line = peer.open(new BenchDatabase(database.url(), database.user(), database.password()));
        line.fill(300, PAYLOAD);
        Queue<String> handled = new ConcurrentLinkedQueue<>();
        line.prepare(handled::add);
        line.begin();
        await().atMost(Duration.ofSeconds(30)).until(() -> !handled.isEmpty());

        long before = System.nanoTime();
        line.close();
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(4));
    }

    @ParameterizedTest
    @MethodSource("peers")
    void its_jar_tells_the_version(Contender peer) {
        assertThat(Peers.version(peer)).matches("\\d+\\.\\d+\\.\\d+");
    }

    private static void acknowledged(Contender.Line line) {
        await().atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> line.unacknowledged() == 0);
    }

    /** Peers may have the same tables. */
    private static void empty(TestDatabase database) throws Exception {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        }
    }
}
