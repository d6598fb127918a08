package io.postroom.internal.storage;

/** Messages became READY: somebody should claim from {@code lowestSeq} on. */
public record Arrival(Lane lane, long lowestSeq, int count) {}
