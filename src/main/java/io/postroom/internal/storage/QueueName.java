package io.postroom.internal.storage;

/**
 * The number and the name of a queue.
 *
 * @param deleted whether the queue was deleted, or is exclusive to another process than the one that asked
 */
public record QueueName(int id, String name, boolean deleted) {}
