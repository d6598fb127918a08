package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import io.postroom.server.ServerProbe;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * W20: messages come in over HTTP, one a request, from 8 clients that keep their connections, with a token; against W2a, the same in
 * process. The server is a JVM of its own. The third row is what requests cost that nothing is done for.
 */
final class HttpEnqueueWorkload implements Workload {
    private static final int CLIENTS = 8;
    private static final double SECONDS = 5;
    /** The rate of a new server still grew after 15 s, and not after 25. */
    private static final double WARM_UP_SECONDS = 25;

    @Override
    public String id() {
        return "W20";
    }

    @Override
    public String title() {
        return "enqueue over HTTP, one message a request, " + CLIENTS + " clients";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) (0.3e9 * options.scale());
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        Contender postroom = Contenders.postroom();
        Row inProcess = result.row("postroom, in process", CLIENTS + " threads, pool of the host", null);
        Row http = result.row("postroom, HTTP", "standalone server, -Xmx256m, token checked", inProcess);
        Row bare = result.row("Tomcat alone", "the same requests, dropped by a servlet: nothing is stored", null);
        rounds.add(
                inProcess,
                bench.options().rounds(postroom),
                warmUp -> bench.trial(postroom, opened -> {
                    opened.settle();
                    return opened.meter()
                            .measure(() -> EnqueueWorkload.singles(
                                    opened.line(), bench.options().nanos(SECONDS)));
                }));
        rounds.add(http, bench.options().rounds(postroom), warmUp -> overHttp(bench, false));
        rounds.add(bare, bench.options().rounds(postroom), warmUp -> overHttp(bench, true));
        rounds.run();
        double micros = ServerProbe.checkNanos(ServerJvm.TOKEN) / 1000;
        double rate = http.figures(Sample::rate).median();
        http.extra("checks of a request, µs", Figures.number(micros));
        double requests = bare.figures(Sample::rate).median();
        double created = inProcess.figures(Sample::rate).median();
        result.note("Tomcat alone and a message in process, one after the other on the same cores: "
                + Figures.number(1 / (1 / requests + 1 / created)) + " a second, "
                + Figures.number(requests / (requests + created)) + " x in process.");
        result.atLeast("rate >= 0.7 x in process", http.ratio(Sample::rate).median(), 0.7, bench.options());
        result.atMost("checks <= 0.03 of the time of a message", micros * rate / 1e6, 0.03, bench.options());
        return result;
    }

    private static Sample overHttp(Bench bench, boolean bare) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                ServerJvm server = bare ? ServerJvm.bare(database) : ServerJvm.start(database)) {
            Deque<Client> clients = new ArrayDeque<>();
            try {
                for (int i = 0; i < CLIENTS; i++) {
                    clients.add(new Client(server.port()));
                }
                ThreadLocal<Client> mine = ThreadLocal.withInitial(() -> {
                    synchronized (clients) {
                        Client next = clients.removeFirst();
                        clients.addLast(next);
                        return next;
                    }
                });
                String payload = Payloads.usual();
                // a JVM that has just started is not what is measured
                EnqueueWorkload.together(
                        CLIENTS,
                        bench.options().nanos(WARM_UP_SECONDS),
                        () -> mine.get().create(payload));
                return new Meter(connection, bench.server().isLocal())
                        .measure(() -> EnqueueWorkload.together(
                                CLIENTS,
                                bench.options().nanos(SECONDS),
                                () -> mine.get().create(payload)));
            } finally {
                for (Client client : clients) {
                    client.close();
                }
            }
        } finally {
            bench.server().drop(database);
        }
    }

    /** One connection, and the least that a client can do. */
    private static final class Client implements AutoCloseable {
        private final Socket socket;
        private final InputStream in;

        Client(int port) throws IOException {
            socket = new Socket(InetAddress.getLoopbackAddress(), port);
            socket.setTcpNoDelay(true);
            in = new BufferedInputStream(socket.getInputStream());
        }

        long create(String payload) throws IOException {
            byte[] body = ("{\"queue\":\"" + PostroomContender.QUEUE + "\",\"payload\":" + payload + "}")
                    .getBytes(StandardCharsets.UTF_8);
            String head =
                    "POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + ServerJvm.TOKEN
                            + "\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n";
            byte[] request = (head + new String(body, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
            socket.getOutputStream().write(request);
            String status = line();
            int length = 0;
            for (String line = line(); !line.isEmpty(); line = line()) {
                if (line.regionMatches(true, 0, "Content-Length:", 0, 15)) {
                    length = Integer.parseInt(line.substring(15).strip());
                }
            }
            in.skipNBytes(length);
            if (!status.contains(" 201")) {
                throw new IOException(status);
            }
            return 1;
        }

        private String line() throws IOException {
            StringBuilder line = new StringBuilder();
            for (int b; (b = in.read()) != '\n'; ) {
                if (b < 0) {
                    throw new IOException("the server closed the connection");
                }
                if (b != '\r') {
                    line.append((char) b);
                }
            }
            return line.toString();
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }
}
