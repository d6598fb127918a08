package io.postroom.failover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.postroom.failover.PatroniCluster.Mode;
import io.postroom.failover.PatroniCluster.Node;
import io.postroom.testing.Conservation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.NavigableSet;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

/**
 * Planned and unplanned changes of the primary under load. Each run writes a line to {@code target/reliability.txt}: acknowledged messages,
 * those that are lost, those that ran twice, the time without acknowledgements, and the time from the first write that the new primary
 * accepted until Postroom acknowledged and handled the next message.
 */
@Tag("reliability")
@Timeout(900)
class PatroniFailoverTest {
    private static final Path RESULTS = Path.of("target/reliability.txt");
    private static final String PARAMETERS = System.getProperty(
            "postroom.failover.parameters",
            "&targetServerType=primary&hostRecheckSeconds=1&connectTimeout=2&loginTimeout=4");

    /** An outage: what ends the old primary. */
    private interface Event {
        void happen(PatroniCluster cluster, Node primary) throws Exception;
    }

    @BeforeEach
    void needsPatroni() {
        assumeThat(PatroniCluster.missing())
                .as("missing here: apt-get install patroni etcd-server iproute2 postgresql-15")
                .isNull();
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void nothing_is_lost_when_the_primary_is_switched(Mode mode) throws Exception {
        run("switchover", mode, true, PatroniCluster::switchOver);
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void nothing_is_lost_when_a_synchronous_primary_is_killed(Mode mode) throws Exception {
        run("primary killed", mode, mode != Mode.ASYNCHRONOUS, (cluster, primary) -> {
            cluster.kill(primary);
            if (mode == Mode.STRICT) { // no write is accepted without a second node
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> PatroniCluster.other(primary).equals(cluster.leader()));
                cluster.startNode(primary);
            }
        });
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void nothing_is_lost_when_a_synchronous_primary_is_cut_off_but_reached_by_clients(Mode mode) throws Exception {
        run("primary cut off", mode, mode != Mode.ASYNCHRONOUS, (cluster, primary) -> {
            cluster.isolate(primary);
            if (mode == Mode.STRICT) {
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> PatroniCluster.other(primary).equals(cluster.leader()));
                cluster.join(primary);
            }
        });
    }

    @Test
    void messages_that_a_lagging_standby_lacks_are_lost_and_nothing_else() throws Exception {
        run("lagging standby promoted", Mode.ASYNCHRONOUS, false, (cluster, primary) -> {
            cluster.cutReplication(primary);
            Thread.sleep(5_000); // the load goes on, and the standby gets none of it
            cluster.kill(primary);
        });
    }

    private static void run(String event, Mode mode, boolean keepsAll, Event outage) throws Exception {
        try (PatroniCluster cluster = PatroniCluster.start(mode)) {
            Node before = cluster.primary();
            Node after = PatroniCluster.other(before);
            WriteProbe.makeTable(before);
            try (BusyProcess busy = new BusyProcess(PatroniCluster.url(PARAMETERS))) {
                await().atMost(Duration.ofSeconds(60)).until(() -> busy.handledAt.size() > 300);
                try (WriteProbe probe = new WriteProbe(after)) {
                    outage.happen(cluster, before);
                    await().atMost(Duration.ofSeconds(180))
                            .until(() -> probe.acceptedAt() != 0 && hasGoneOn(busy, probe.acceptedAt()));
                    busy.stopProducing();
                    account(event, mode, keepsAll, after, busy, probe.acceptedAt());
                }
            } catch (AssertionError failed) {
                throw new AssertionError(failed.getMessage() + "\n" + cluster.log(after), failed);
            }
        }
    }

    private static boolean hasGoneOn(BusyProcess busy, long since) {
        return busy.acknowledgedAt.tailSet(since).size() > 200
                && busy.handledAt.tailSet(since).size() > 200;
    }

    private static void account(
            String event, Mode mode, boolean keepsAll, Node primary, BusyProcess busy, long accepted)
            throws IOException {
        JdbcClient sql = JdbcClient.create(new DriverManagerDataSource(primary.url()));
        Set<UUID> stored = sql.sql("SELECT id FROM postroom.message").query(UUID.class).list().stream()
                .collect(Collectors.toSet());
        List<UUID> lost = busy.acknowledged.keySet().stream()
                .filter(id -> !stored.contains(id))
                .toList();
        await().atMost(Duration.ofSeconds(90))
                .untilAsserted(() -> assertThat(busy.runs.keySet()).containsAll(stored));
        long twice = busy.runs.values().stream().filter(runs -> runs.get() > 1).count();
        String line =
                "%-26s %-13s acknowledged %5d, lost %3d, ran twice %3d, refused %4d, longest pause %6d ms, after the new primary"
                                .formatted(
                                        event,
                                        mode,
                                        busy.acknowledged.size(),
                                        lost.size(),
                                        twice,
                                        busy.refusals.sum(),
                                        longestPause(busy.acknowledgedAt))
                        + " accepts writes: acknowledged %d ms, handled %d ms%n"
                                .formatted(millis(accepted, busy.acknowledgedAt), millis(accepted, busy.handledAt));
        Files.createDirectories(RESULTS.getParent());
        Files.writeString(RESULTS, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        System.out.print(line);
        busy.errors().forEach(error -> System.out.println("    refused: " + error));
        if (keepsAll) {
            assertThat(lost).isEmpty();
        }
        await().atMost(Duration.ofSeconds(60))
                .untilAsserted(() -> assertThat(Conservation.check(sql)).isEmpty());
    }

    private static long millis(long from, NavigableSet<Long> times) {
        Long next = times.ceiling(from);
        return next == null ? -1 : (next - from) / 1_000_000;
    }

    private static long longestPause(NavigableSet<Long> times) {
        long longest = 0;
        long last = times.first();
        for (long time : times) {
            longest = Math.max(longest, time - last);
            last = time;
        }
        return longest / 1_000_000;
    }
}
