package io.postroom.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The matching of topics and headers against what RabbitMQ 3.10.8 was seen to do, row by row of the tables in {@code rabbitmq}. */
@PostgresTest
class RoutingRulesTest {
    private static final JsonMapper JSON = new JsonMapper();

    private final JdbcClient sql;

    RoutingRulesTest(DataSource pool) {
        sql = JdbcClient.create(pool);
    }

    @Test
    void topic_patterns_match_the_keys_that_they_match_in_rabbitmq() throws IOException {
        List<String[]> rows = rows("topic-matching.tsv");
        assertThat(rows).hasSize(3233);
        assertThat(differences("postroom.topic_matches(r.one, r.other)", rows, 0, 1))
                .isEmpty();
    }

    /**
     * The one difference: a decimal equals the same number of another type. JSON has one type of numbers. No message meets this, because
     * headers and the arguments of bindings are texts.
     */
    @Test
    void header_bindings_match_the_headers_that_they_match_in_rabbitmq() throws IOException {
        List<String[]> rows = rows("headers-matching.tsv").stream()
                .map(row -> new String[] {row[1], row[3], row[4], plain(row[1]), plain(row[3])})
                .toList();
        assertThat(rows).hasSize(1188);
        assertThat(differences("postroom.headers_match(r.one::jsonb, r.other::jsonb)", rows, 3, 4))
                .hasSize(24)
                .allSatisfy(row -> {
                    assertThat(row[2]).as("match in RabbitMQ").isEqualTo("0");
                    assertThat(isDecimal(row[0])).isNotEqualTo(isDecimal(row[1]));
                });
    }

    private static boolean isDecimal(String typed) {
        return typed.contains("\"decimal\"");
    }

    /** The rows where the function answers another thing than their third column. One statement asks for all. */
    private List<String[]> differences(String function, List<String[]> rows, int one, int other) {
        return sql
                .sql("""
                        SELECT r.place
                        FROM unnest(?::text[], ?::text[], ?::text[]) WITH ORDINALITY r (one, other, match, place)
                        WHERE %s IS DISTINCT FROM (r.match = '1')
                        """.formatted(function))
                .param(column(rows, one))
                .param(column(rows, other))
                .param(column(rows, 2))
                .query(Integer.class)
                .stream()
                .map(place -> rows.get(place - 1))
                .toList();
    }

    private static String[] column(List<String[]> rows, int column) {
        return rows.stream().map(row -> row[column]).toArray(String[]::new);
    }

    private static List<String[]> rows(String table) throws IOException {
        try (InputStream file = RoutingRulesTest.class.getResourceAsStream("/rabbitmq/" + table)) {
            assertThat(file).isNotNull();
            return new String(file.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .skip(1)
                    .map(line -> line.split("\t", -1))
                    .toList();
        }
    }

    /** The headers without their AMQP types: as the JSON that a host would write. */
    private static String plain(String typed) {
        ObjectNode headers = JsonNodeFactory.instance.objectNode();
        if (!typed.isEmpty()) {
            for (Map.Entry<String, JsonNode> header : JSON.readTree(typed).properties()) {
                headers.set(header.getKey(), value(header.getValue()));
            }
        }
        return headers.toString();
    }

    private static JsonNode value(JsonNode typed) {
        Map.Entry<String, JsonNode> only = typed.properties().iterator().next();
        JsonNode value = only.getValue();
        String type = only.getKey();
        if (type.equals("decimal")) {
            return value.get("digits");
        } else if (type.equals("table")) {
            ObjectNode table = JsonNodeFactory.instance.objectNode();
            value.properties().forEach(entry -> table.set(entry.getKey(), value(entry.getValue())));
            return table;
        } else if (type.equals("array")) {
            return JsonNodeFactory.instance.arrayNode().add(value(value.get(0)));
        }
        return value;
    }
}
