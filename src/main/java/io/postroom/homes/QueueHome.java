package io.postroom.homes;

/**
 * Where a queue or a part of a queue lives.
 *
 * @param home name of the home
 * @param queue name of the queue there; of a part, with its number, as in {@code orders:3of4}
 */
public record QueueHome(String home, String queue) {}
