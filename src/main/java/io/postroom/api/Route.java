package io.postroom.api;

import java.util.List;

/**
 * A queue that a message would reach, and why.
 *
 * @param bindings the last ones on the ways there, each as exchange and key, pattern or arguments; empty with the default exchange
 */
public record Route(String queue, List<String> bindings) {}
