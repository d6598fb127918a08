package io.postroom.internal.storage;

/**
 * A queue that was deleted because nobody is left for whom it was there.
 *
 * @param because why, for people
 * @param cancelled how many messages that waited in it were cancelled so far
 */
public record DeletedQueue(String name, String because, long cancelled) {}
