package io.postroom.bench;

import io.postroom.server.ServerProbe;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;

/** The standalone server in a JVM of its own, reached with {@link #TOKEN} on a port of loopback. */
final class ServerJvm implements AutoCloseable {
    static final String TOKEN = "0123456789abcdef0123456789abcdef";

    private static final String BARE = "bare";
    private static final Duration LIMIT = Duration.ofSeconds(180);

    private final ChildJvm jvm;
    private final int port;

    private ServerJvm(ChildJvm jvm, int port) {
        this.jvm = jvm;
        this.port = port;
    }

    static ServerJvm start(BenchDatabase database) throws IOException, InterruptedException {
        return start("server", database);
    }

    /** Its web server alone, which answers each request and does nothing. */
    static ServerJvm bare(BenchDatabase database) throws IOException, InterruptedException {
        return start(BARE, database);
    }

    /** A process that does not answer in time is killed. */
    private static ServerJvm start(String command, BenchDatabase database) throws IOException, InterruptedException {
        ChildJvm jvm = ChildJvm.start(ServerJvm.class, "-Xmx256m");
        try {
            jvm.say(command, database);
            return new ServerJvm(jvm, Integer.parseInt(jvm.answer(LIMIT)));
        } catch (IOException | RuntimeException failed) {
            jvm.close();
            throw failed;
        }
    }

    int port() {
        return port;
    }

    /** CPU time of the process so far, in milliseconds. */
    double cpuMillis() {
        return jvm.cpuMillis();
    }

    @Override
    public void close() throws InterruptedException {
        jvm.close();
    }

    /** What the JVM runs. */
    public static void main(String[] args) throws Exception {
        BufferedReader in = ChildJvm.input();
        boolean bare = BARE.equals(in.readLine());
        BenchDatabase database = ChildJvm.database(in);
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        if (bare) {
            BareServer.start(port);
        } else {
            startServer(database, port);
        }
        ChildJvm.answer(String.valueOf(port));
        while (in.readLine() != null) {
            // until the benchmark closes it
        }
        System.exit(0);
    }

    private static void startServer(BenchDatabase database, int port) {
        ServerProbe.start(
                "--server.port=" + port,
                "--postroom.token=" + TOKEN,
                "--spring.datasource.url=" + database.url(),
                "--spring.datasource.username=" + database.user(),
                "--spring.datasource.password=" + database.password(),
                "--spring.autoconfigure.exclude="
                        + "org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration,"
                        + "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration,"
                        + "org.springframework.boot.data.jpa.autoconfigure.DataJpaRepositoriesAutoConfiguration,"
                        + "org.springframework.boot.quartz.autoconfigure.QuartzAutoConfiguration");
    }
}
