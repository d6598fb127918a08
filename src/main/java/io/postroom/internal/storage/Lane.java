package io.postroom.internal.storage;

/** One priority of one queue: the unit that has an order, a cursor and a floor. */
public record Lane(int queueId, int priority) {}
