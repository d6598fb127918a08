package io.postroom.upgrade;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.testing.PackagedServer;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** An old server of the machine's packages with {@code wal_level = logical}, and a new one of the embedded binaries. Both keep fsync on. */
final class TwoServers implements AutoCloseable {
    private final PackagedServer oldServer;
    private final EmbeddedPostgres newServer;
    private final List<HikariDataSource> pools = new ArrayList<>();

    private TwoServers(PackagedServer oldServer, EmbeddedPostgres newServer) {
        this.oldServer = oldServer;
        this.newServer = newServer;
    }

    static TwoServers start() throws IOException, InterruptedException {
        PackagedServer oldServer = PackagedServer.start("wal_level=logical", "max_connections=100");
        EmbeddedPostgres newServer = EmbeddedPostgres.builder()
                .setPGStartupWait(Duration.ofSeconds(60))
                .setLocaleConfig("locale", "C")
                .setServerConfig("max_connections", "100")
                .setServerConfig("synchronous_commit", "on")
                .start();
        return new TwoServers(oldServer, newServer);
    }

    /** Connection string of libpq for a database of the old server. */
    String oldServer() {
        return oldServer.connection();
    }

    String newServer(String database) {
        return "host=127.0.0.1 port=" + newServer.getPort() + " user=postgres dbname=" + database;
    }

    HikariDataSource oldPool() {
        return pool(oldServer.url());
    }

    HikariDataSource newPool(String database) {
        return pool("jdbc:postgresql://127.0.0.1:" + newServer.getPort() + "/" + database
                + "?user=postgres&password=postgres");
    }

    private HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(5);
        config.setMinimumIdle(0);
        HikariDataSource pool = new HikariDataSource(config);
        pools.add(pool);
        return pool;
    }

    @Override
    public void close() throws IOException {
        pools.forEach(HikariDataSource::close);
        newServer.close();
        oldServer.close();
    }
}
