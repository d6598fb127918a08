package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The first five minutes of a newcomer: the server with nothing but Java, killed on the way. */
class FirstRunTest {
    /** What was in progress at the kill runs again after this, instead of after the half minute of a server as it comes. */
    private static final String LEASE_TIME = "--postroom.lease-time=5s";

    private static final String BEAT = "--postroom.beat-interval=1s";
    /** It goes to a mailbox that is down. */
    private static final int LINE_OF_THE_FIRST_DEAD_LETTER = 500;

    private static final String OF_MAILS = "queue = 'notifications'";

    @Test
    void the_demo_plays_to_its_end_and_the_server_stops_with_its_database(@TempDir Path directory) throws Exception {
        shippedEvents(directory, 60);
        try (ServerProcess server = ServerProcess.start(directory, eventsIn(directory))) {
            awaitTheEnd(server, directory, 60);
        }
    }

    @Test
    @Tag("fault-long")
    void the_demo_survives_a_kill_and_every_event_ends_as_a_mail_or_a_dead_letter(@TempDir Path directory)
            throws Exception {
        playAndKill(directory, 600, 1);
    }

    @Test
    @Tag("fault-long")
    void ten_thousand_events_survive_three_kills(@TempDir Path directory) throws Exception {
        playAndKill(directory, 10_000, 3);
        try (ServerProcess server = ServerProcess.start(directory, eventsIn(directory))) {
            server.awaitLine("Demo: finished already");
            assertThat(server.terminal()).contains("--postroom.demo=again");
            assertThat(mails(directory)).hasSize(10_000 - deadLetters(server));
        }
    }

    private static void playAndKill(Path directory, int events, int kills) throws Exception {
        shippedEvents(directory, events);
        String file = eventsIn(directory);
        for (int kill = 1; kill <= kills; kill++) {
            try (ServerProcess server = ServerProcess.start(directory, file, LEASE_TIME, BEAT)) {
                int enough = Math.max(mails(directory).size(), 1) + events * kill / (4 * kills);
                Awaitility.await()
                        .atMost(Duration.ofMinutes(5))
                        .pollInterval(Duration.ofMillis(5))
                        .until(() -> mails(directory).size() >= enough);
                server.kill();
                assertThat(server.terminal()).doesNotContain("Demo: finished");
            }
        }
        assertThat(mails(directory)).as("killed in the middle").hasSizeBetween(1, events - 20);

        try (ServerProcess server = ServerProcess.start(directory, file, LEASE_TIME, BEAT)) {
            awaitTheEnd(server, directory, events);
        }
    }

    private static void awaitTheEnd(ServerProcess server, Path directory, int events) throws Exception {
        server.awaitLine("Demo: finished");
        List<String> done =
                server.query("SELECT message_id FROM postroom.queue_messages WHERE state = 'DONE' AND " + OF_MAILS);
        List<String> dead =
                server.query("SELECT message_id FROM postroom.queue_messages WHERE state = 'DEAD' AND " + OF_MAILS);
        assertThat(done.size() + dead.size())
                .as("every event is a message, once, and has ended")
                .isEqualTo(events)
                .isEqualTo(number(server, "SELECT count(*) FROM postroom.queue_messages WHERE " + OF_MAILS));
        assertThat(dead.size()).isBetween(events < LINE_OF_THE_FIRST_DEAD_LETTER ? 0 : 1, events / 100);
        assertThat(mails(directory)).as("a mail for each message that is done").isEqualTo(new TreeSet<>(done));
        assertThat(number(
                        server,
                        "SELECT count(DISTINCT payload ->> 'trackingId') FROM postroom.queue_messages WHERE "
                                + OF_MAILS))
                .isEqualTo(events);
        assertThat(server.query("SELECT count(DISTINCT message_id) FROM postroom_demo.booking_request"))
                .as("each paid order reached the accounting system")
                .containsExactly(paidOrders(directory))
                .as("and is settled once")
                .isEqualTo(server.query("SELECT sum(orders) FROM postroom_demo.settlement"));
        assertThat(server.terminal()).contains("SELECT state, count(*)", "curl -s", "psql -U postroom");

        server.terminate();
        assertThat(server.terminal()).endsWith("Postroom stopped");
        assertThat(OrphanedPostmaster.find(server.home().resolve("data")).filter(ProcessHandle::isAlive))
                .as("PostgreSQL, after the server")
                .isEmpty();
    }

    private static int number(ServerProcess server, String query) {
        return Integer.parseInt(server.query(query).get(0));
    }

    private static int deadLetters(ServerProcess server) {
        return number(server, "SELECT count(*) FROM postroom.dead_letters");
    }

    @Test
    @Tag("fault-long")
    void without_the_demo_it_says_how_to_create_a_message_and_tells_a_second_server_of_the_first(
            @TempDir Path directory) throws Exception {
        UnpackedBinaries.linkInto(directory.resolve(".postroom"));
        try (ServerProcess server = ServerProcess.start(directory, "--postroom.demo=false")) {
            String up = server.awaitLine(" is up: ");
            String url = up.substring(up.indexOf("http://")).split(" ")[0];
            String curl = server.awaitLine("curl -s " + url + "/api/v1/messages");
            String body = curl.substring(curl.indexOf("-d '") + 4, curl.lastIndexOf('\''));
            HttpResponse<String> created = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create(url + "/api/v1/messages"))
                                    .header("Content-Type", "application/json")
                                    .POST(HttpRequest.BodyPublishers.ofString(body))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString());
            assertThat(created.statusCode()).as(created.body()).isEqualTo(201);

            String psql = server.awaitLine("psql -U postroom");
            String select = psql.substring(psql.indexOf("-c \"") + 4, psql.lastIndexOf('"'));
            assertThat(server.query(select)).containsExactly("READY");
            assertThat(server.home().resolve("mails")).doesNotExist();

            try (Closing second = new Closing(ServerProcess.start(directory, "--postroom.demo=false"))) {
                assertThat(second.process().awaitEnd()).isEqualTo(1);
                assertThat(second.process().terminal())
                        .contains("Postroom does not start. ", "is in use by another server (process ")
                        .doesNotContain("\tat ", "WARN", "ERROR");
            }
            assertThat(server.query("SELECT 1")).as("the first one goes on").containsExactly("1");

            assertThat(server.terminal().lines().count())
                    .as("short and friendly:\n" + server.terminal())
                    .isLessThan(20);
            assertThat(server.terminal()).doesNotContain("WARN", "ERROR", "\tat ");
        }
    }

    /** Kills the process only: a server that has ended by itself leaves nothing to clean up, and its database is another's. */
    private record Closing(ServerProcess process) implements AutoCloseable {
        @Override
        public void close() throws InterruptedException {
            process.kill();
        }
    }

    private static Set<String> mails(Path directory) throws IOException {
        Path mails = directory.resolve(".postroom/mails");
        if (!Files.isDirectory(mails)) {
            return Set.of();
        }
        try (Stream<Path> files = Files.list(mails)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".eml"))
                    .map(name -> name.substring(0, name.length() - ".eml".length()))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static String paidOrders(Path directory) throws IOException {
        try (Stream<String> events = Files.lines(directory.resolve("events.ndjson"))) {
            return String.valueOf(
                    events.filter(event -> event.contains("ticket.checked-out")).count());
        }
    }

    private static String eventsIn(Path directory) {
        return "--postroom.demo.file=" + directory.resolve("events.ndjson");
    }

    private static void shippedEvents(Path directory, int count) throws IOException {
        try (BufferedReader shipped = new BufferedReader(new InputStreamReader(
                Objects.requireNonNull(
                        FirstRunTest.class.getResourceAsStream("/io/postroom/server/demo/ticket-events.ndjson")),
                StandardCharsets.UTF_8))) {
            Files.write(
                    directory.resolve("events.ndjson"),
                    shipped.lines().limit(count).toList());
        }
    }
}
