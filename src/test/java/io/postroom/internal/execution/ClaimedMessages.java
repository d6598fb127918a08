package io.postroom.internal.execution;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.ClaimedMessage.Counters;
import io.postroom.internal.storage.ClaimedMessage.Lease;
import io.postroom.internal.storage.Content;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** Claimed messages for the tests of this package. */
final class ClaimedMessages {
    static final int QUEUE = 1;
    private static long lastLease;

    private ClaimedMessages() {}

    /** Returns a message without a type, with text for content, under a lease of its own. */
    static ClaimedMessage message() {
        return with(Counters.ZERO);
    }

    static ClaimedMessage with(Counters counters) {
        return message(nextLease(), counters, true, false, text("null"));
    }

    static ClaimedMessage with(Content content) {
        return message(nextLease(), Counters.ZERO, true, false, content);
    }

    static ClaimedMessage expired() {
        return message(nextLease(), Counters.ZERO, true, true, text("null"));
    }

    static ClaimedMessage withoutPayload() {
        return message(nextLease(), Counters.ZERO, false, false, Content.NONE);
    }

    /** Returns this number of messages under one lease, their texts counted from 0. */
    static List<ClaimedMessage> together(int count) {
        long lease = nextLease().id();
        List<ClaimedMessage> messages = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            messages.add(message(new Lease(lease, count, i), Counters.ZERO, true, false, text(String.valueOf(i))));
        }
        return messages;
    }

    static Content text(String json) {
        return new Content(Direction.INCOMING, null, 0, json, null, null, null, null);
    }

    static Content typed(String type, int version) {
        return new Content(Direction.INCOMING, type, version, "{}", null, null, null, null);
    }

    static Content bytes(byte[] body) {
        return new Content(Direction.INCOMING, null, 0, null, body, "application/octet-stream", null, null);
    }

    private static ClaimedMessage message(
            Lease lease, Counters counters, boolean stored, boolean expired, Content content) {
        return new ClaimedMessage(
                MessageIds.next(), QUEUE, 4, 1, lease, counters, stored, expired, Instant.EPOCH, content);
    }

    private static synchronized Lease nextLease() {
        return new Lease(++lastLease, 1, 0);
    }
}
