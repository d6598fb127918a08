package io.postroom.internal.producer;

import io.postroom.api.ExchangeKind;
import io.postroom.internal.storage.RoutingRows;
import io.postroom.internal.storage.RoutingRows.BindingRow;
import io.postroom.internal.storage.RoutingRows.ExchangeRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Many topic bindings as a host remembers them: how long a match takes, and how much heap they hold. For the benchmark. */
public final class TopicProbe {
    private static final int MATCHES = 200_000;

    private final RoutingTable table;
    private final double megabytes;
    private final int bindings;

    /** Makes as many bindings of one exchange, half of them with wildcards, to as many queues. */
    public TopicProbe(int bindings) {
        this.bindings = bindings;
        RoutingRows rows = rows(bindings);
        double before = heap();
        table = new RoutingTable(rows);
        megabytes = heap() - before;
    }

    private static RoutingRows rows(int bindings) {
        List<BindingRow> rows = new ArrayList<>(bindings);
        for (int i = 0; i < bindings; i++) {
            String pattern = i % 2 == 0 ? "tenant." + i + ".order.paid" : "tenant." + i + ".*.#";
            rows.add(new BindingRow(1, i + 1, "queue." + i, 0, pattern, Map.of()));
        }
        return new RoutingRows(
                UUID.randomUUID(), List.of(new ExchangeRow(1, "orders", ExchangeKind.TOPIC, null)), rows);
    }

    /** Heap in use after a full collection, in megabytes. */
    private static double heap() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        Runtime runtime = Runtime.getRuntime();
        return (runtime.totalMemory() - runtime.freeMemory()) / 1e6;
    }

    /** The heap that the bindings hold beyond the rows as they were read, in megabytes. */
    public double megabytes() {
        return megabytes;
    }

    /** The mean time of a match in microseconds, after as many matches to warm up. */
    public double microsPerMatch() {
        matches();
        long began = System.nanoTime();
        int found = matches();
        double micros = (System.nanoTime() - began) / 1e3 / MATCHES;
        if (found != MATCHES) {
            throw new IllegalStateException("each key has one queue, but " + found + " were found");
        }
        return micros;
    }

    private int matches() {
        int found = 0;
        for (int i = 0; i < MATCHES; i++) {
            found += table.queues("orders", "tenant." + i % bindings + ".order.paid", Map.of())
                    .size();
        }
        return found;
    }
}
