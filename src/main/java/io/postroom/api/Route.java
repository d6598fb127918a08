package io.postroom.api;

import java.util.List;

/**
 * A queue that a message would reach, and why.
 *
 * @param bindings that led to the queue: of each way the last one, written as {@code orders [order.#]}; empty with the default exchange
 */
public record Route(String queue, List<String> bindings) {}
