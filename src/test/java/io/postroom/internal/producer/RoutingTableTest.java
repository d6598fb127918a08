package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.ExchangeKind;
import io.postroom.internal.storage.RoutingRows;
import io.postroom.internal.storage.RoutingRows.BindingRow;
import io.postroom.internal.storage.RoutingRows.ExchangeRow;
import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The rules of routing as Java hosts apply them to remembered bindings: against RabbitMQ's tables, and against the functions in SQL. */
@PostgresTest
class RoutingTableTest {
    private static final String[] WORDS = {"a", "b", "", "*", "#", "a%b", "c_d", "x\\y"};

    private final JdbcClient sql;

    RoutingTableTest(DataSource pool) {
        sql = JdbcClient.create(pool);
    }

    @AfterEach
    void removeAll() {
        sql.sql("DELETE FROM postroom.binding").update();
        sql.sql("DELETE FROM postroom.exchange").update();
        sql.sql("DELETE FROM postroom.queue").update();
    }

    @Test
    void topic_patterns_match_the_keys_that_they_match_in_rabbitmq() throws IOException {
        List<String[]> rows = rows();
        assertThat(rows).hasSize(3233);
        assertThat(rows).allSatisfy(row -> {
            TopicPatterns<String> patterns = new TopicPatterns<>();
            patterns.add(row[0], "it");
            assertThat(patterns.matching(row[1]).size())
                    .as("%s and %s", row[0], row[1])
                    .isEqualTo(row[2].equals("1") ? 1 : 0);
        });
    }

    /** SQL tries key_like first: it must never leave out what the pattern matches. */
    @Test
    void key_like_leaves_out_no_pattern_that_matches() throws IOException {
        sql.sql("INSERT INTO postroom.exchange (name, kind) VALUES ('x', 'topic')")
                .update();
        sql.sql("INSERT INTO postroom.queue (name) VALUES ('q')").update();
        List<String[]> matching =
                rows().stream().filter(row -> row[2].equals("1")).toList();
        sql.sql("""
                        INSERT INTO postroom.binding (exchange_id, queue_id, routing_key)
                        SELECT e.id, q.id, p.pattern
                        FROM postroom.exchange e, postroom.queue q, (SELECT DISTINCT unnest(?::text[]) AS pattern) p
                        """)
                .param(matching.stream().map(row -> row[0]).toArray(String[]::new))
                .update();
        assertThat(sql.sql("""
                                SELECT r.pattern || ' and ' || r.key
                                FROM unnest(?::text[], ?::text[]) r (pattern, key)
                                JOIN postroom.binding b ON b.routing_key = r.pattern
                                WHERE NOT r.key LIKE b.key_like
                                """)
                        .param(matching.stream().map(row -> row[0]).toArray(String[]::new))
                        .param(matching.stream().map(row -> row[1]).toArray(String[]::new))
                        .query(String.class)
                        .list())
                .isEmpty();
    }

    /** Exchanges of all kinds with bindings among each other, cycles and alternates, drawn at random: SQL and Java must agree. */
    @Test
    void random_topologies_reach_the_same_queues_in_sql_and_in_java() {
        for (int seed = 0; seed < 12; seed++) {
            Random random = new Random(seed);
            RoutingRows rows = randomTopology(random);
            RoutingTable table = new RoutingTable(rows);
            store(rows);
            List<String> exchanges = new ArrayList<>();
            List<String> keys = new ArrayList<>();
            List<String> headers = new ArrayList<>();
            List<List<String>> expected = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                String exchange = "x" + random.nextInt(6);
                String key = key(random);
                Map<String, String> given = headers(random);
                exchanges.add(exchange);
                keys.add(key);
                headers.add(json(given));
                expected.add(List.copyOf(table.queues(exchange, key, given).keySet()));
            }
            List<String> found = sql.sql("""
                            SELECT (SELECT coalesce(string_agg(r.queue, ',' ORDER BY r.queue), '')
                                    FROM postroom.route(g.exchange, g.key, g.headers::jsonb) r)
                            FROM unnest(?::text[], ?::text[], ?::text[]) WITH ORDINALITY g (exchange, key, headers, place)
                            ORDER BY g.place
                            """)
                    .param(exchanges.toArray(new String[0]))
                    .param(keys.toArray(new String[0]))
                    .param(headers.toArray(new String[0]))
                    .query(String.class)
                    .list();
            for (int i = 0; i < expected.size(); i++) {
                assertThat(found.get(i))
                        .as("seed %s, %s [%s] %s", seed, exchanges.get(i), keys.get(i), headers.get(i))
                        .isEqualTo(String.join(",", expected.get(i)));
            }
            removeAll();
        }
    }

    @Test
    void pattern_of_many_hashes_takes_no_more_than_words_times_words() {
        TopicPatterns<String> patterns = new TopicPatterns<>();
        patterns.add("#.".repeat(120) + "end", "it");
        assertThat(patterns.matching("a.".repeat(120) + "z")).isEmpty();
        assertThat(patterns.matching("a.".repeat(120) + "end")).hasSize(1);
    }

    private static RoutingRows randomTopology(Random random) {
        List<ExchangeRow> exchanges = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            ExchangeKind kind = ExchangeKind.values()[random.nextInt(4)];
            exchanges.add(
                    new ExchangeRow(i + 1, "x" + i, kind, random.nextInt(3) == 0 ? "x" + random.nextInt(7) : null));
        }
        Map<String, BindingRow> bindings = new TreeMap<>();
        for (int i = 0; i < 40; i++) {
            ExchangeRow from = exchanges.get(random.nextInt(exchanges.size()));
            int queue = random.nextInt(5) == 0 ? 0 : random.nextInt(8) + 1;
            BindingRow binding = new BindingRow(
                    from.id(),
                    queue,
                    queue == 0 ? null : "q" + queue,
                    queue == 0 ? random.nextInt(6) + 1 : 0,
                    key(random),
                    from.kind() == ExchangeKind.HEADERS ? arguments(random) : Map.of());
            bindings.put(binding.toString(), binding);
        }
        return new RoutingRows(UUID.randomUUID(), exchanges, List.copyOf(bindings.values()));
    }

    private static String key(Random random) {
        int words = random.nextInt(4);
        List<String> key = new ArrayList<>();
        for (int i = 0; i < words; i++) {
            key.add(WORDS[random.nextInt(WORDS.length)]);
        }
        return String.join(".", key);
    }

    private static Map<String, String> headers(Random random) {
        Map<String, String> headers = new HashMap<>();
        for (String name : List.of("kind", "vip", "x-own")) {
            if (random.nextBoolean()) {
                headers.put(name, String.valueOf(random.nextInt(2)));
            }
        }
        return headers;
    }

    private static Map<String, String> arguments(Random random) {
        Map<String, String> arguments = new HashMap<>(headers(random));
        if (random.nextBoolean()) {
            arguments.put("vip", null);
        }
        if (random.nextBoolean()) {
            arguments.put(
                    "x-match", List.of("all", "any", "all-with-x", "any-with-x").get(random.nextInt(4)));
        }
        return arguments;
    }

    private void store(RoutingRows rows) {
        sql.sql("""
                        INSERT INTO postroom.queue (id, name) OVERRIDING SYSTEM VALUE
                        SELECT i, 'q' || i FROM generate_series(1, 8) i
                        """).update();
        for (ExchangeRow exchange : rows.exchanges()) {
            sql.sql(
                            "INSERT INTO postroom.exchange (id, name, kind, alternate) OVERRIDING SYSTEM VALUE VALUES (?, ?, ?, ?)")
                    .params(Arrays.asList(
                            exchange.id(), exchange.name(), exchange.kind().word(), exchange.alternate()))
                    .update();
        }
        for (BindingRow binding : rows.bindings()) {
            sql.sql("INSERT INTO postroom.binding (exchange_id, queue_id, to_exchange_id, routing_key, arguments)"
                            + " VALUES (?, nullif(?, 0), nullif(?, 0), ?, ?::jsonb) ON CONFLICT DO NOTHING")
                    .params(List.of(
                            binding.exchangeId(),
                            binding.queueId(),
                            binding.toExchangeId(),
                            binding.routingKey(),
                            json(binding.arguments())))
                    .update();
        }
    }

    private static String json(Map<String, String> texts) {
        List<String> members = new ArrayList<>();
        texts.forEach(
                (name, value) -> members.add("\"" + name + "\": " + (value == null ? "null" : "\"" + value + "\"")));
        return "{" + String.join(", ", members) + "}";
    }

    private static List<String[]> rows() throws IOException {
        try (InputStream file = RoutingTableTest.class.getResourceAsStream("/rabbitmq/topic-matching.tsv")) {
            assertThat(file).isNotNull();
            return new String(file.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .skip(1)
                    .map(line -> line.split("\t", -1))
                    .toList();
        }
    }
}
