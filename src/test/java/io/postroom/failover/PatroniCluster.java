package io.postroom.failover;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.springframework.util.FileSystemUtils;

/**
 * Two nodes of Patroni with a PostgreSQL each, in network namespaces of their own, and an etcd outside of both. Clients reach the nodes by
 * the bridge between the namespaces. Needs root and the packages {@link #missing()} names. Not thread-safe.
 */
final class PatroniCluster implements AutoCloseable {
    static final String STORE = "10.213.0.2";
    private static final String CLIENTS = "10.213.0.1";
    private static final String BRIDGE = "postroombr";
    private static final Path PROGRAMS = Path.of("/usr/lib/postgresql/15/bin");
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final List<Node> NODES =
            List.of(new Node("postroom1", "10.213.0.11"), new Node("postroom2", "10.213.0.12"));

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();
    private final Path folder;
    private final Mode mode;
    private final List<Process> processes = new ArrayList<>();

    /** @param name of the node and of its namespace */
    record Node(String name, String address) {
        String url() {
            return "jdbc:postgresql://" + address + ":5432/postgres?user=postgres&password=postroom";
        }
    }

    /** What Patroni and the servers promise about a commit. */
    enum Mode {
        ASYNCHRONOUS("false", "false"),
        SYNCHRONOUS("true", "false"),
        STRICT("true", "true");

        private final String synchronous;
        private final String strict;

        Mode(String synchronous, String strict) {
            this.synchronous = synchronous;
            this.strict = strict;
        }
    }

    private PatroniCluster(Path folder, Mode mode) {
        this.folder = folder;
        this.mode = mode;
    }

    /** What this machine lacks; null: nothing. */
    static @Nullable String missing() {
        if (!"root".equals(System.getProperty("user.name"))) {
            return "root, for network namespaces";
        }
        return Stream.of("/usr/bin/patroni", "/usr/bin/etcd", "/usr/sbin/ip", PROGRAMS + "/postgres")
                .filter(program -> !Files.isExecutable(Path.of(program)))
                .findFirst()
                .orElse(null);
    }

    /** Starts everything and returns when one node leads and the other follows. */
    static PatroniCluster start(Mode mode) throws Exception {
        Path folder = Files.createTempDirectory(
                "patroni", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        PatroniCluster cluster = new PatroniCluster(folder, mode);
        try {
            cluster.makeNetwork();
            cluster.startStore();
            NODES.forEach(cluster::startNode);
            cluster.awaitBoth();
            return cluster;
        } catch (Exception | AssertionError failed) {
            cluster.close();
            throw failed;
        }
    }

    private void makeNetwork() {
        removeNetwork();
        run("ip", "link", "add", BRIDGE, "type", "bridge");
        run("ip", "addr", "add", CLIENTS + "/24", "dev", BRIDGE);
        run("ip", "addr", "add", STORE + "/24", "dev", BRIDGE);
        run("ip", "link", "set", BRIDGE, "up");
        for (Node node : NODES) {
            run("ip", "netns", "add", node.name);
            run("ip", "link", "add", node.name, "type", "veth", "peer", "name", "eth0", "netns", node.name);
            run("ip", "link", "set", node.name, "master", BRIDGE, "up");
            run("ip", "-n", node.name, "addr", "add", node.address + "/24", "dev", "eth0");
            run("ip", "-n", node.name, "link", "set", "eth0", "up");
            run("ip", "-n", node.name, "link", "set", "lo", "up");
        }
    }

    private static void removeNetwork() {
        for (Node node : NODES) {
            tryToRun("ip", "netns", "del", node.name);
            tryToRun("ip", "link", "del", node.name);
        }
        tryToRun("ip", "link", "del", BRIDGE);
    }

    private void startStore() throws IOException {
        String url = "http://" + STORE + ":2379";
        processes.add(new ProcessBuilder(
                        "/usr/bin/etcd",
                        "--name=store",
                        "--data-dir=" + folder.resolve("etcd"),
                        "--listen-client-urls=" + url,
                        "--advertise-client-urls=" + url,
                        "--listen-peer-urls=http://" + STORE + ":2380")
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("etcd.log").toFile())
                .start());
        Awaitility.await()
                .atMost(PATIENCE)
                .ignoreExceptions()
                .until(() -> get(URI.create(url + "/health")).statusCode() == 200);
    }

    /** Starts Patroni on a node, for the first time or after {@link #kill}. */
    void startNode(Node node) {
        try {
            Path config = folder.resolve(node.name + ".yml");
            Files.writeString(config, config(node));
            Path data = folder.resolve(node.name);
            if (Files.notExists(data)) {
                Files.createDirectory(data);
                run("chown", "postgres:postgres", data.toString());
            }
            processes.add(new ProcessBuilder(
                            "ip",
                            "netns",
                            "exec",
                            node.name,
                            "setpriv",
                            "--reuid=postgres",
                            "--regid=postgres",
                            "--init-groups",
                            "/usr/bin/patroni",
                            config.toString())
                    .directory(data.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(
                            folder.resolve(node.name + ".log").toFile()))
                    .start());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private String config(Node node) {
        return """
                scope: postroom
                name: %1$s
                restapi: {listen: '%2$s:8008', connect_address: '%2$s:8008'}
                etcd3: {host: '%3$s:2379'}
                bootstrap:
                  dcs:
                    ttl: 10
                    loop_wait: 1
                    retry_timeout: 3
                    maximum_lag_on_failover: 1073741824
                    synchronous_mode: %4$s
                    synchronous_mode_strict: %5$s
                    postgresql:
                      use_pg_rewind: true
                      parameters: {max_connections: 150, synchronous_commit: 'on', wal_keep_size: 512MB}
                  initdb: [encoding: UTF8, locale: C.UTF-8, data-checksums]
                postgresql:
                  listen: '%2$s:5432'
                  connect_address: '%2$s:5432'
                  bin_dir: %6$s
                  data_dir: %7$s
                  pgpass: %7$s.pgpass
                  pg_hba: ['local all all trust', 'host all all 10.213.0.0/24 trust', 'host replication all 10.213.0.0/24 trust',
                           'host all all 127.0.0.1/32 trust']
                  parameters: {unix_socket_directories: %8$s}
                  authentication:
                    superuser: {username: postgres, password: postroom}
                    replication: {username: replicator, password: postroom}
                """.formatted(
                        node.name,
                        node.address,
                        STORE,
                        mode.synchronous,
                        mode.strict,
                        PROGRAMS,
                        folder.resolve(node.name).resolve("data"),
                        folder.resolve(node.name));
    }

    private HttpResponse<String> get(URI address) throws IOException, InterruptedException {
        return http.send(
                HttpRequest.newBuilder(address).timeout(Duration.ofSeconds(2)).build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private boolean answers(Node node, String path) {
        try {
            return get(URI.create("http://" + node.address + ":8008" + path)).statusCode() == 200;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Waits until one node leads and the other follows; in a synchronous mode, as the synchronous one. */
    void awaitBoth() {
        String follows = mode == Mode.ASYNCHRONOUS ? "/replica" : "/synchronous";
        Awaitility.await().atMost(PATIENCE).until(() -> {
            Node leads = leader();
            return leads != null && answers(other(leads), follows);
        });
    }

    /** The node that leads, as its own Patroni says; null: none at the moment. */
    @Nullable
    Node leader() {
        return NODES.stream()
                .filter(node -> answers(node, "/primary"))
                .findFirst()
                .orElse(null);
    }

    Node primary() {
        return Objects.requireNonNull(leader(), "no node leads");
    }

    static Node other(Node node) {
        return node.equals(NODES.get(0)) ? NODES.get(1) : NODES.get(0);
    }

    /** Where clients find whichever node is the primary. */
    static String url(String parameters) {
        return "jdbc:postgresql://" + NODES.get(0).address + ":5432," + NODES.get(1).address
                + ":5432/postgres?user=postgres&password=postroom" + parameters;
    }

    /** Asks for a planned change of the primary. */
    void switchOver(Node from) throws IOException, InterruptedException {
        http.send(
                HttpRequest.newBuilder(URI.create("http://" + from.address + ":8008/switchover"))
                        .timeout(Duration.ofSeconds(60))
                        .POST(HttpRequest.BodyPublishers.ofString(
                                "{\"leader\": \"" + from.name + "\", \"candidate\": \"" + other(from).name + "\"}"))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    /** Kills Patroni, PostgreSQL and all that runs on the node, as a machine that loses its power; what was written stays. */
    void kill(Node node) {
        String[] pids = outputOf("ip", "netns", "pids", node.name).split("\\s+");
        Stream.of(pids).filter(pid -> !pid.isBlank()).forEach(pid -> tryToRun("kill", "-KILL", pid));
    }

    /** Cuts the node off from the other node and from the store; clients reach it still. */
    void isolate(Node node) {
        cut(node, other(node).address);
        cut(node, STORE);
    }

    /** Cuts the line between the two nodes alone. */
    void cutReplication(Node node) {
        cut(node, other(node).address);
    }

    private static void cut(Node node, String from) {
        run("ip", "-n", node.name, "route", "add", "blackhole", from + "/32");
    }

    /** Undoes {@link #isolate} and {@link #cutReplication}. */
    void join(Node node) {
        tryToRun("ip", "-n", node.name, "route", "del", "blackhole", other(node).address + "/32");
        tryToRun("ip", "-n", node.name, "route", "del", "blackhole", STORE + "/32");
    }

    private static void run(String... command) {
        String said = outputOf(command);
        if (!said.isEmpty()) {
            throw new IllegalStateException(String.join(" ", command) + ": " + said);
        }
    }

    private static void tryToRun(String... command) {
        outputOf(command);
    }

    private static String outputOf(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes()).strip();
            process.waitFor();
            return said;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** The last lines of a node's log, for a failure's text. */
    String log(Node node) {
        return outputOf("tail", "-n", "20", folder.resolve(node.name + ".log").toString());
    }

    @Override
    public void close() {
        NODES.forEach(this::kill);
        for (Process process : processes) {
            process.destroyForcibly();
            try {
                process.waitFor(10, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        removeNetwork();
        FileSystemUtils.deleteRecursively(folder.toFile());
    }
}
