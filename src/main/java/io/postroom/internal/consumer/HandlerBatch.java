package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Messages a handler thread took from the buffer at once. Thread-safe: if the thread is given up, what it had not begun is taken back. */
final class HandlerBatch {
    private final List<ClaimedMessage> messages = new ArrayList<>(1);
    private int started;

    HandlerBatch(ClaimedMessage first) {
        messages.add(first);
    }

    synchronized void add(ClaimedMessage message) {
        messages.add(message);
    }

    /** The next one, now begun; null when none is left. */
    synchronized @Nullable ClaimedMessage next() {
        return started < messages.size() ? messages.get(started++) : null;
    }

    /** All of them, now begun. */
    synchronized List<ClaimedMessage> beginAll() {
        started = messages.size();
        return List.copyOf(messages);
    }

    /** All that were not begun. They do not count as begun here. */
    synchronized List<ClaimedMessage> takeRest() {
        List<ClaimedMessage> rest = new ArrayList<>(messages.subList(started, messages.size()));
        messages.subList(started, messages.size()).clear();
        return rest;
    }

    synchronized int started() {
        return started;
    }
}
