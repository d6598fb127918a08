package io.postroom.storage;

/** Messages became READY: somebody should claim from {@code lowestSeq} on. */
public record Arrival(Lane lane, long lowestSeq, int count) {}
