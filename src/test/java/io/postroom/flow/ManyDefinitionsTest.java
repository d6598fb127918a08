package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.ImportOptions;
import io.postroom.api.ImportReport;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A definitions file of a large system. */
@PostgresTest
class ManyDefinitionsTest {
    private static final int MANY = 10_000;
    private static final int SOME = 1_000;

    private final TestDatabase database;
    private final JdbcClient sql;

    ManyDefinitionsTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    private static String list(String name, int howMany, String entry) {
        return "\"" + name + "\": ["
                + IntStream.range(0, howMany).mapToObj(entry::formatted).collect(Collectors.joining(",")) + "]";
    }

    private long count(String table) {
        return sql.sql("SELECT count(*) FROM postroom." + table)
                .query(Long.class)
                .single();
    }

    /** Each round trip is a millisecond of a network, or ten across a continent, while everybody waits who changes routing. */
    @Test
    void ten_thousand_queues_take_few_round_trips_and_so_does_a_repeat() throws Exception {
        String file = "{\"postroomDefinitions\": 1,"
                + list("queues", MANY, """
                        {"queue": "tenant-%1$05d.mail", "attempts": 7, "retryAfter": "1s, 5s"}""")
                + ","
                + list("bindings", SOME, """
                        {"exchange": "all", "queue": "tenant-%1$05d.mail", "routingKey": "tenant-%1$05d.#"}""") + ","
                + list("limiters", SOME, """
                        {"destination": "smtp-%d", "maxInProgress": 5}""") + ","
                + "\"exchanges\": [{\"exchange\": \"all\", \"kind\": \"topic\"}]}";
        try (TcpProxy network = TcpProxy.to(database.host(), database.port());
                HikariDataSource pool = database.through(network).newPool(2);
                Postroom postroom = Postroom.on(pool).workers(false).start()) {
            for (String time : new String[] {"first", "again"}) {
                int before = network.roundTrips();
                ImportReport report = postroom.definitions().importFile(file, ImportOptions.defaults());
                assertThat(network.roundTrips() - before).as(time).isLessThan(120);
                assertThat(report.lines())
                        .hasSize(MANY + SOME + SOME + 1)
                        .allMatch(line -> line.result() == ImportReport.Result.TAKEN_OVER);
            }
            assertThat(count("queue")).isEqualTo(MANY);
            assertThat(count("binding")).isEqualTo(SOME);
            assertThat(count("limiter")).isEqualTo(SOME);
            String exported = postroom.definitions().exportFile();
            assertThat(exported).contains("tenant-00000.mail", "tenant-09999.mail", "smtp-999");
        }
    }
}
