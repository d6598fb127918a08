package io.postroom.internal.postgres;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.Limiter;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * Gives statements the parts of a topology, 500 rows in one round trip: a file may have ten thousand queues, and everybody who changes
 * routing waits for its import. 500 take about 0.2 s of the 10 s that a statement of the engine may take.
 */
final class TopologyParts {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int MOST = 500;

    private TopologyParts() {}

    /** What a part of a list is given to. */
    interface Part<T> {
        void take(List<T> rows) throws SQLException;
    }

    static <T> void each(List<T> all, Part<T> taker) throws SQLException {
        for (int from = 0; from < all.size(); from += MOST) {
            taker.take(all.subList(from, Math.min(from + MOST, all.size())));
        }
    }

    /** Runs a statement that takes an array of JSON objects, once for each part. */
    static <T> void each(
            List<T> all,
            Sql sql,
            String parameter,
            Function<T, Map<String, @Nullable Object>> row,
            Connection connection)
            throws SQLException {
        each(all, part -> {
            try (Sql.Call call = sql.on(connection)) {
                call.setUntyped(parameter, json(part, row)).one(answer -> true);
            }
        });
    }

    static <T> String json(List<T> rows, Function<T, Map<String, @Nullable Object>> row) {
        List<Map<String, @Nullable Object>> members = new ArrayList<>();
        rows.forEach(one -> members.add(row.apply(one)));
        return JSON.writeValueAsString(members);
    }

    static Map<String, @Nullable Object> queue(QueueSettings queue) {
        Map<String, @Nullable Object> row = new LinkedHashMap<>();
        row.put("queue", queue.queue());
        row.put("attempts", queue.maxAttempts().orElse(null));
        row.put("retryAfter", queue.retryAfter().orElse(null));
        row.put("crashLimit", queue.crashLimit().orElse(null));
        row.put("timeToLive", Rows.nullableMicros(queue.timeToLive().orElse(null)));
        row.put("retention", Rows.nullableMicros(queue.retention().orElse(null)));
        row.put("kind", queue.kind().map(QueueKind::code).orElse(null));
        row.put("deadLetterExchange", queue.deadLetterExchange().orElse(null));
        row.put("deadLetterRoutingKey", queue.deadLetterRoutingKey().orElse(null));
        row.put("ordered", queue.ordered().orElse(null));
        row.put("onDeadLetter", queue.onDeadLetter().map(OnDeadLetter::code).orElse(null));
        row.put("maxLength", queue.maxLength().orElse(null));
        row.put("overflow", queue.overflow().map(Overflow::code).orElse(null));
        row.put("singleActiveConsumer", queue.singleActiveConsumer().orElse(null));
        row.put("expiresAfter", Rows.nullableMicros(queue.expiresAfter().orElse(null)));
        row.put("fair", queue.fair().orElse(null));
        return row;
    }

    static Map<String, @Nullable Object> exchange(Exchange exchange) {
        Map<String, @Nullable Object> row = new LinkedHashMap<>();
        row.put("exchange", exchange.name());
        row.put("kind", exchange.kind().word());
        row.put("alternate", exchange.alternate().orElse(null));
        return row;
    }

    static Map<String, @Nullable Object> binding(Binding binding) {
        Map<String, @Nullable Object> row = new LinkedHashMap<>();
        row.put("exchange", binding.exchange());
        row.put("queue", binding.queue().orElse(null));
        row.put("routingKey", binding.routingKey());
        row.put("arguments", PostgresRoutingStore.plain(binding.arguments()));
        row.put("toExchange", binding.toExchange().orElse(null));
        return row;
    }

    static Map<String, @Nullable Object> limiter(Limiter limiter) {
        Map<String, @Nullable Object> row = new LinkedHashMap<>();
        row.put("queue", limiter.queue().orElse(null));
        row.put("destination", limiter.destination().orElse(null));
        row.put("maxStarts", limiter.maxStarts().orElse(null));
        row.put("period", Rows.nullableMicros(limiter.period().orElse(null)));
        row.put("window", limiter.window().word());
        row.put("maxInProgress", limiter.maxInProgress().orElse(null));
        row.put("maxStartsPerGroup", limiter.maxStartsPerGroup().orElse(null));
        row.put("periodPerGroup", Rows.nullableMicros(limiter.periodPerGroup().orElse(null)));
        row.put("maxInProgressPerGroup", limiter.maxInProgressPerGroup().orElse(null));
        return row;
    }
}
