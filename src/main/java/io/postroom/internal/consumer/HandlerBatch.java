package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import java.util.List;

/**
 * Messages that a handler thread took from the buffer at once. Thread-safe: when the thread is given up, another thread takes the rest.
 * Each message is either begun or part of the rest, never both.
 */
final class HandlerBatch {
    private final List<ClaimedMessage> messages;
    private int begun;

    /** @param messages the batch's own from here on; can be changed */
    HandlerBatch(List<ClaimedMessage> messages) {
        this.messages = messages;
    }

    synchronized boolean isEmpty() {
        return messages.isEmpty();
    }

    /** Marks the next messages as begun and returns them, at most so many; empty when none is left. */
    synchronized List<ClaimedMessage> begin(int most) {
        int end = (int) Math.min(messages.size(), (long) begun + most);
        List<ClaimedMessage> next = List.copyOf(messages.subList(begun, end));
        begun = end;
        return next;
    }

    /** Takes away and returns all messages that were not begun. */
    synchronized List<ClaimedMessage> takeRest() {
        List<ClaimedMessage> tail = messages.subList(begun, messages.size());
        List<ClaimedMessage> rest = List.copyOf(tail);
        tail.clear();
        return rest;
    }

    synchronized int begun() {
        return begun;
    }

    /** Returns the bytes of payload of the messages that were begun. */
    synchronized long begunBytes() {
        long bytes = 0;
        for (int i = 0; i < begun; i++) {
            bytes += messages.get(i).content().bytes();
        }
        return bytes;
    }
}
