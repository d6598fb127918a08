package io.postroom.internal.postgres.purge;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;

/** Sums up the messages that leave with a day: one line per queue and outcome, however many parts the day was read in. */
final class PurgeLedger {
    /** PostgreSQL's order of UUIDs. {@link UUID#compareTo} differs, because it compares the halves as signed numbers. */
    private static final Comparator<UUID> BY_BYTES = Comparator.<UUID, Long>comparing(
                    UUID::getMostSignificantBits, Long::compareUnsigned)
            .thenComparing(UUID::getLeastSignificantBits, Long::compareUnsigned);

    private final Map<List<Integer>, Line> lines = new LinkedHashMap<>();

    /** Messages of one queue that ended alike. */
    record Line(int queue, short outcome, long messages, UUID firstId, UUID lastId) {
        Line plus(Line other) {
            return new Line(
                    queue,
                    outcome,
                    messages + other.messages,
                    BY_BYTES.compare(firstId, other.firstId) <= 0 ? firstId : other.firstId,
                    BY_BYTES.compare(lastId, other.lastId) >= 0 ? lastId : other.lastId);
        }
    }

    /** Adds the lines of a part. */
    void add(List<Line> part) {
        part.forEach(line -> lines.merge(List.of(line.queue, (int) line.outcome), line, Line::plus));
    }

    int[] queues() {
        return lines.values().stream().mapToInt(Line::queue).toArray();
    }

    short[] outcomes() {
        short[] outcomes = new short[lines.size()];
        int i = 0;
        for (Line line : lines.values()) {
            outcomes[i++] = line.outcome;
        }
        return outcomes;
    }

    long[] messages() {
        return lines.values().stream().mapToLong(Line::messages).toArray();
    }

    UUID[] firstIds() {
        return ids(Line::firstId);
    }

    UUID[] lastIds() {
        return ids(Line::lastId);
    }

    private UUID[] ids(Function<Line, UUID> id) {
        return new ArrayList<>(lines.values()).stream().map(id).toArray(UUID[]::new);
    }
}
