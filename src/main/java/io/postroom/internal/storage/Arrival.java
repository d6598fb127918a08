package io.postroom.internal.storage;

/** Messages of one lane became READY: a worker should claim from {@code lowestSeq} on. */
public record Arrival(Lane lane, long lowestSeq, int count) {
    /** Both arrivals as one: the lower seq, and the sum of the counts. Both are of the same lane. */
    public Arrival mergedWith(Arrival other) {
        return new Arrival(lane, Math.min(lowestSeq, other.lowestSeq), count + other.count);
    }
}
