package io.postroom.internal.storage;

/**
 * What some installations use and most do not, each with a job of its own.
 *
 * @param activeConsumers whether a queue has an active consumer, or is about to get its first one
 * @param maxLengths whether a queue has a maximum length
 * @param operations whether an operation on many messages is under way
 */
public record Upkeep(boolean activeConsumers, boolean maxLengths, boolean operations) {}
