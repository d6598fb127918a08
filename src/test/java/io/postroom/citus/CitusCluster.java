package io.postroom.citus;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.homes.HomeRules;
import io.postroom.homes.PostroomHomes;
import io.postroom.testing.PackagedServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A coordinator and two workers of Citus, as the homes {@code main}, {@code east} and {@code west}. Not thread-safe. */
final class CitusCluster implements AutoCloseable {
    static final List<String> HOMES = List.of("main", "east", "west");
    /** Three nodes are migrated on the cores of one machine. */
    private static final Duration FIRST_START = Duration.ofMinutes(2);

    private static final Path CITUS = Path.of("/usr/share/postgresql/15/extension/citus.control");

    private final Map<String, PackagedServer> servers = new LinkedHashMap<>();
    private final Map<String, HikariDataSource> pools = new LinkedHashMap<>();

    private CitusCluster() {}

    /** What this machine lacks; null: nothing. */
    static @Nullable String missing() {
        return Files.exists(CITUS) ? PackagedServer.missing() : CITUS.toString();
    }

    static CitusCluster start() throws IOException, InterruptedException {
        CitusCluster cluster = new CitusCluster();
        try {
            for (String home : HOMES) {
                PackagedServer server = PackagedServer.start(
                        "shared_preload_libraries=citus",
                        "max_prepared_transactions=50",
                        "max_connections=100",
                        "wal_level=logical",
                        "citus.enable_statistics_collection=off",
                        "citus.recover_2pc_interval=1s");
                cluster.servers.put(home, server);
                HikariConfig config = new HikariConfig();
                config.setJdbcUrl(server.url());
                config.setMaximumPoolSize(5);
                config.setMinimumIdle(0);
                cluster.pools.put(home, new HikariDataSource(config));
                cluster.on(home).sql("CREATE EXTENSION citus").update();
            }
            JdbcClient coordinator = cluster.on("main");
            coordinator
                    .sql("SELECT citus_set_coordinator_host('127.0.0.1', ?)")
                    .param(cluster.port("main"))
                    .query()
                    .singleRow();
            for (String worker : List.of("east", "west")) {
                coordinator
                        .sql("SELECT citus_add_node('127.0.0.1', ?)")
                        .param(cluster.port(worker))
                        .query()
                        .singleRow();
            }
            return cluster;
        } catch (IOException | InterruptedException | RuntimeException failed) {
            cluster.close();
            throw failed;
        }
    }

    int port(String home) {
        return server(home).port();
    }

    PackagedServer server(String home) {
        return Objects.requireNonNull(servers.get(home), home);
    }

    DataSource pool(String home) {
        return Objects.requireNonNull(pools.get(home), home);
    }

    JdbcClient on(String home) {
        return JdbcClient.create(pool(home));
    }

    /** A connection of its own, which no pool replaces. */
    Connection connect(String home) throws SQLException {
        return DriverManager.getConnection(server(home).url());
    }

    /** The home of the node on which a table has the shard of a value. */
    String homeOf(String table, int value) {
        int port = on("main")
                .sql(
                        "SELECT nodeport FROM pg_dist_shard_placement WHERE shardid = get_shard_id_for_distribution_column(?::regclass, ?)")
                .params(table, value)
                .query(Integer.class)
                .single();
        return HOMES.stream().filter(home -> port(home) == port).findFirst().orElseThrow();
    }

    /** Sends no statement of DDL to other nodes. */
    void onEachNode(String sql) {
        for (String home : HOMES) {
            on(home).sql("SET citus.enable_ddl_propagation = off; " + sql + "; SET citus.enable_ddl_propagation = on")
                    .update();
        }
    }

    PostroomHomes.Builder homes(HomeRules rules) {
        return PostroomHomes.on(Map.copyOf(pools)).rules(rules).timeLimit(FIRST_START);
    }

    void installDoor() throws IOException, InterruptedException {
        run(Path.of("db/citus/door.sql"));
    }

    /** Runs a file of SQL on the coordinator. */
    void run(Path file) throws IOException, InterruptedException {
        PackagedServer.run(Map.of(), "psql", "-qX", "-d", server("main").connection(), "-f", file.toString());
    }

    @Override
    public void close() throws IOException {
        pools.values().forEach(HikariDataSource::close);
        IOException failed = null;
        for (PackagedServer server : servers.values()) {
            try {
                server.close();
            } catch (IOException e) {
                failed = e;
            }
        }
        if (failed != null) {
            throw failed;
        }
    }
}
