package io.postroom.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The benchmark itself: nobody measured loses anything, it touches nothing that is not its own, and it counts right. */
@PostgresTest(migrated = false)
@Timeout(60)
class BenchmarkTest {
    private final TestDatabase database;
    private final List<BenchServer> servers = new ArrayList<>();

    BenchmarkTest(TestDatabase database) {
        this.database = database;
    }

    @AfterEach
    void close() {
        servers.forEach(BenchServer::close);
    }

    private BenchServer server() {
        BenchServer server =
                BenchServer.given(database.url() + "?user=" + database.user() + "&password=" + database.password());
        servers.add(server);
        return server;
    }

    private static Options options(String... arguments) {
        return Options.of(arguments, new Properties());
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    // ---- contenders

    /** The peers have a test of their own. */
    static List<Contender> contenders() {
        return List.of(Contenders.rawTx(), Contenders.rawLease(), Contenders.postroom());
    }

    @ParameterizedTest
    @MethodSource("contenders")
    void everything_put_in_is_handled_and_acknowledged(Contender contender) throws Exception {
        new Bench(options("scale=0.001"), server()).trial(contender, opened -> {
            Contender.Line line = opened.line();
            AtomicLong handled = new AtomicLong();
            String payload = Payloads.stamped(Payloads.usual(), 42);
            line.fill(150, payload);
            opened.settle();
            line.prepare(content -> {
                assertThat(Payloads.stamp(content)).isEqualTo(42);
                handled.incrementAndGet();
            });
            assertThat(handled).hasValue(0);
            line.begin();
            for (int i = 0; i < 20; i++) {
                line.enqueue(payload);
            }
            line.enqueue(Collections.nCopies(30, payload));
            if (line.hasGroupCommit()) {
                CompletableFuture.allOf(line.enqueueAsync(payload), line.enqueueAsync(payload))
                        .join();
            }
            int sent = line.hasGroupCommit() ? 202 : 200;
            while (handled.get() < sent || line.unacknowledged() > 0) {
                Thread.sleep(2);
            }
            assertThat(handled).hasValue(sent);
            return null;
        });
    }

    @Test
    void drain_is_measured() throws Exception {
        Sample sample = new Bench(options("scale=0.001"), server())
                .trial(Contenders.postroom(), opened -> DrainWorkload.drain(opened, 200, Payloads.usual()));
        assertThat(sample.messages()).isEqualTo(200);
        assertThat(sample.rate()).isPositive();
        assertThat(sample.wal()).isBetween(50.0, 50_000.0);
    }

    static List<Contender> transactions() {
        return List.of(BusinessRows.alone(), BusinessRows.withRow(), BusinessRows.withMessage());
    }

    @ParameterizedTest
    @MethodSource("transactions")
    void transaction_commits_its_business_row_and_what_stands_beside_it(Contender contender) throws Exception {
        new Bench(options("scale=0.001"), server()).trial(contender, opened -> {
            Sample sample = opened.meter().measure(() -> EnqueueWorkload.singles(opened.line(), 300_000_000L));
            assertThat(sample.messages()).isPositive();
            assertThat(count(opened, "business_row")).isEqualTo(sample.messages());
            if (contender.name().equals("postroom")) {
                assertThat(count(opened, "postroom.ready")).isEqualTo(sample.messages());
            } else if (contender.name().contains("INSERT")) {
                assertThat(count(opened, "raw_queue")).isEqualTo(sample.messages());
            }
            return null;
        });
    }

    private static long count(Bench.Opened opened, String table) throws SQLException {
        try (Statement statement = opened.connection().createStatement();
                var rows = statement.executeQuery("SELECT count(*) FROM " + table)) {
            rows.next();
            return rows.getLong(1);
        }
    }

    // ---- what it refuses

    @Test
    void database_that_holds_a_table_is_refused_by_its_name() throws Exception {
        execute("CREATE TABLE customer_order (id int)");
        try {
            assertThatThrownBy(this::server)
                    .isInstanceOf(BenchException.class)
                    .hasMessageContaining("holds customer_order");
        } finally {
            execute("DROP TABLE customer_order");
        }
    }

    @Test
    void leftover_is_dropped_and_a_namesake_without_the_mark_is_not() throws Exception {
        String name = BenchServer.PREFIX + "9001";
        execute("CREATE DATABASE " + name);
        try {
            BenchServer server = server();
            assertThatThrownBy(server::dropLeftovers)
                    .isInstanceOf(BenchException.class)
                    .hasMessageContaining(name);
            assertThat(databases()).contains(name);
            execute("COMMENT ON DATABASE " + name + " IS '" + BenchServer.MARK + "'");
            server.dropLeftovers();
            assertThat(databases()).doesNotContain(name);
        } finally {
            execute("DROP DATABASE IF EXISTS " + name);
        }
    }

    @Test
    void databases_still_open_are_dropped_at_the_end() throws Exception {
        BenchServer server = server();
        server.createDatabase();
        assertThat(databases()).anyMatch(name -> name.startsWith(BenchServer.PREFIX));
        server.close();
        assertThat(databases()).noneMatch(name -> name.startsWith(BenchServer.PREFIX));
        assertThatThrownBy(server::createDatabase).isInstanceOf(BenchException.class);
    }

    @Test
    void second_run_on_the_same_database_is_refused() {
        server();
        assertThatThrownBy(this::server).hasMessageContaining("Another benchmark is running");
    }

    @Test
    void too_little_disk_is_refused() {
        BenchServer server = server();
        if (server.isLocal()) {
            assertThatThrownBy(() -> server.checkDisk(Long.MAX_VALUE)).hasMessageContaining("Too little disk");
        }
    }

    @Test
    void unknown_workloads_and_options_are_answered_with_those_there_are() {
        assertThatThrownBy(() -> options("workloads=W1,W77"))
                .isInstanceOf(BenchException.class)
                .hasMessageContaining("\"W77\"")
                .hasMessageContaining("W2a")
                .hasMessageContaining("W9");
        assertThatThrownBy(() -> options("workload=W1")).hasMessageContaining("workloads=");
        assertThatThrownBy(() -> options("fast")).hasMessageContaining("quick");
        assertThatThrownBy(() -> options("rounds=many")).hasMessageContaining("\"many\"");
        assertThatThrownBy(() -> options("url=localhost")).hasMessageContaining("jdbc:postgresql:");
        assertThat(options("quick").workloads()).containsExactly("W1", "W2a", "W3");
        assertThat(options("quick").comparesWithGoals()).isFalse();
        assertThat(options("workloads=W1").comparesWithGoals()).isTrue();
        assertThat(options("scale=0.5").comparesWithGoals()).isFalse();
        assertThat(options("workloads=w5,W2").workloads()).containsExactly("W5", "W2a", "W2b", "W2c");
        assertThat(Benchmark.workloads().stream().map(Workload::id)).containsExactlyElementsOf(Options.ALL);
    }

    @Test
    void settings_that_lose_commits_mark_all_that_is_written() {
        Map<String, String> settings =
                new LinkedHashMap<>(Map.of("fsync", "off", "synchronous_commit", "on", "full_page_writes", "on"));
        Environment environment = new Environment(settings, BenchServer.unsafe(settings));
        assertThat(environment.unsafe()).containsExactly("fsync=off");
        WorkloadResult result = new WorkloadResult("W1", "drain");
        result.row("postroom", "default", null).samples().add(new Sample(10, 1, 1, 1, 100, 0, new long[] {1}));
        Report report = new Report(environment, java.nio.file.Path.of("unused"));
        assertThat(report.text(result)).contains("UNSAFE: measured with fsync=off");
        assertThat(report.markdown()).contains("UNSAFE");
        assertThat(report.json()).contains("fsync=off");
        assertThat(Chart.svg(List.of(result), environment)).contains("UNSAFE");
        settings.put("fsync", "on");
        assertThat(BenchServer.unsafe(settings)).isEmpty();
    }

    private List<String> databases() throws SQLException {
        List<String> names = new ArrayList<>();
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT datname FROM pg_database")) {
            while (rows.next()) {
                names.add(rows.getString(1));
            }
        }
        return names;
    }

    // ---- arithmetic

    @Test
    void median_and_range_leave_out_what_was_not_measured() {
        assertThat(Figures.of(DoubleStream.of(3, Double.NaN, 1, 10))).isEqualTo(new Figures(3, 1, 10, 3));
        assertThat(Figures.of(DoubleStream.of(4, 1, 2, 9)).median()).isEqualTo(3);
        assertThat(Figures.of(DoubleStream.empty()).text()).isEqualTo("-");
        assertThat(Figures.of(DoubleStream.of(0.5, 0.25, 0.75)).text()).isEqualTo("0.50 (0.25 to 0.75)");
    }

    @Test
    void percentile_is_the_smallest_value_that_so_many_do_not_exceed() {
        long[] hundred = LongStream.rangeClosed(1, 100).map(i -> 101 - i).toArray();
        assertThat(Figures.percentile(hundred, 50)).isEqualTo(50);
        assertThat(Figures.percentile(hundred, 99)).isEqualTo(99);
        assertThat(Figures.percentile(hundred, 100)).isEqualTo(100);
        assertThat(Figures.percentile(new long[] {7}, 50)).isEqualTo(7);
        assertThat(Figures.percentile(new long[0], 50)).isNaN();
    }

    @Test
    void ratio_compares_samples_of_the_same_round() {
        WorkloadResult result = new WorkloadResult("W1", "drain");
        WorkloadResult.Row base = result.row("raw-tx", "", null);
        WorkloadResult.Row other = result.row("postroom", "", base);
        for (int rate : new int[] {100, 1000, 10}) {
            base.samples().add(new Sample(rate, 1, 1, 1, 1, 0, new long[0]));
            other.samples().add(new Sample(rate / 2, 1, 1, 1, 1, 0, new long[0]));
        }
        base.samples().add(new Sample(5, 1, 1, 1, 1, 0, new long[0]));
        other.samples().add(Sample.NONE);
        assertThat(other.ratio(Sample::rate)).isEqualTo(new Figures(0.5, 0.5, 0.5, 3));
    }

    @Test
    void what_a_row_adds_is_compared_within_each_round() {
        WorkloadResult result = new WorkloadResult("W2c", "caller");
        WorkloadResult.Row alone = result.row("alone", "", null);
        WorkloadResult.Row raw = result.row("raw-tx", "", null);
        WorkloadResult.Row message = result.row("postroom", "", raw);
        for (double drift : new double[] {100, 300, 200}) {
            alone.samples().add(cpu(drift));
            raw.samples().add(cpu(drift + 50));
            message.samples().add(cpu(drift + 65));
        }
        assertThat(CallerWorkload.added(raw, alone, Sample::cpu)).isEqualTo(new Figures(50, 50, 50, 3));
        assertThat(CallerWorkload.addedRatio(message, raw, alone, Sample::cpu))
                .isEqualTo(new Figures(1.3, 1.3, 1.3, 3));
        alone.samples().add(cpu(100));
        raw.samples().add(cpu(99)); // noise: nothing to divide by
        message.samples().add(cpu(165));
        alone.samples().add(cpu(100));
        raw.samples().add(Sample.NONE);
        message.samples().add(cpu(165));
        assertThat(CallerWorkload.addedRatio(message, raw, alone, Sample::cpu).count())
                .isEqualTo(3);
    }

    /** One second in which 1,000 messages took so much, three quarters of it on the server. */
    private static Sample cpu(double millis) {
        return new Sample(1000, 1, millis / 4, millis * 3 / 4, 100, 0, new long[0]);
    }

    @Test
    void stamp_survives_the_way_through_a_database() {
        String payload = Payloads.stamped(Payloads.ofSize(200), 123_456_789_012L);
        assertThat(Payloads.stamp(payload)).isEqualTo(123_456_789_012L);
        assertThat(Payloads.stamp("{\"t\": 5, \"text\": \"x\"}")).isEqualTo(5);
        assertThat(Payloads.ofSize(4096)).hasSize(4096);
    }
}
