package io.postroom.internal.storage;

/**
 * Messages of a lane that became READY. A hint to claim: other workers may have taken them by now.
 *
 * @param lowestSeq the lowest of their numbers: claim from there on
 * @param count how many, approximately; 0 when only the lane is worth a look
 */
public record Arrival(Lane lane, long lowestSeq, int count) {
    /** Messages somewhere in the lane; their numbers are not known here. */
    public static Arrival somewhereIn(Lane lane) {
        return new Arrival(lane, Long.MAX_VALUE, 0);
    }

    /** Both arrivals as one: the lower seq, and the sum of the counts. Both are of the same lane. */
    public Arrival mergedWith(Arrival other) {
        int both = (int) Math.min(Integer.MAX_VALUE, (long) count + other.count);
        return new Arrival(lane, Math.min(lowestSeq, other.lowestSeq), both);
    }
}
