package io.postroom.internal.storage;

/** One priority of one queue: what has an order of its own, a cursor and a low watermark. */
public record Lane(int queueId, int priority) {}
