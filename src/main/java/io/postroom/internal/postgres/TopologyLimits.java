package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.Topology;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/** What of a topology holds messages back: limiters, destinations of queues, and weights of groups. */
final class TopologyLimits {
    private TopologyLimits() {}

    /** Declares all of it. The queues are there. What an operator has set stays. */
    static void declare(Topology wanted, Connection connection) throws SQLException {
        TopologyParts.each(List.copyOf(new TreeMap<>(wanted.destinations()).entrySet()), part -> {
            try (Sql.Call call = TopologySql.SET_DESTINATIONS.on(connection)) {
                call.set("queues", texts(part, Map.Entry::getKey))
                        .set("destinations", texts(part, Map.Entry::getValue))
                        .one(row -> true);
            }
        });
        TopologyParts.each(weightsOf(wanted), part -> {
            try (Sql.Call call = TopologySql.SET_WEIGHTS.on(connection)) {
                call.set("queues", texts(part, Weight::queue))
                        .set("groups", texts(part, Weight::group))
                        .set("weights", part.stream().mapToInt(Weight::weight).toArray())
                        .one(row -> true);
            }
        });
        TopologyParts.each(wanted.limiters(), TopologySql.SET_LIMITERS, "limiters", TopologyParts::limiter, connection);
    }

    private static <T> String[] texts(List<T> rows, Function<T, String> text) {
        return rows.stream().map(text).toArray(String[]::new);
    }

    /** By queue and group, so that two imports lock in one order. */
    private static List<Weight> weightsOf(Topology wanted) {
        List<Weight> weights = new ArrayList<>();
        new TreeMap<>(wanted.groupWeights())
                .forEach((queue, groups) -> new TreeMap<>(groups)
                        .forEach((group, weight) -> weights.add(new Weight(queue, group, weight))));
        return weights;
    }

    private record Weight(String queue, String group, int weight) {}

    static Map<String, String> destinations(Connection connection) throws SQLException {
        Map<String, String> destinations = new LinkedHashMap<>();
        PostgresTopologyStore.list(
                TopologySql.DESTINATIONS, connection, row -> destinations.put(row.getString(1), row.getString(2)));
        return destinations;
    }

    static Map<String, Map<String, Integer>> weights(Connection connection) throws SQLException {
        Map<String, Map<String, Integer>> weights = new LinkedHashMap<>();
        PostgresTopologyStore.list(
                TopologySql.WEIGHTS,
                connection,
                row -> weights.computeIfAbsent(row.getString(1), queue -> new TreeMap<>())
                        .put(row.getString(2), row.getInt(3)));
        return weights;
    }
}
