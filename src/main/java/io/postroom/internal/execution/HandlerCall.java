package io.postroom.internal.execution;

import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.StartBooking;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One call of a handler: what it is called with, and the attempt that counts its time.
 *
 * @param policy the retry policy that held when the call began
 * @param messages one, or several for a batch handler
 * @param payloads one a message, in the same order; null stands for JSON null
 * @param attempt began when this object was made, on the thread that runs the call
 * @param replies those that the call has set so far
 * @param settings of the external system that the handler names, as of the beginning; null: it names none
 */
record HandlerCall(
        HandledQueue queue,
        Handler handler,
        RetryPolicy policy,
        List<ClaimedMessage> messages,
        List<Object> payloads,
        Attempt attempt,
        CallReplies replies,
        @Nullable AttemptSettings settings) {

    /** Starts the clock of the time limit: to be called by the thread that runs the call, right before it. */
    static HandlerCall begin(
            HandledQueue queue,
            Handler handler,
            @Nullable AttemptSettings settings,
            List<ClaimedMessage> messages,
            List<Object> payloads) {
        return new HandlerCall(
                queue,
                handler,
                queue.retryPolicy(handler, settings == null ? null : settings.entry()),
                messages,
                payloads,
                new Attempt(handler, messages.get(0).id(), messages.size() == 1),
                new CallReplies(),
                settings);
    }

    /** The same for one message. */
    static HandlerCall begin(
            HandledQueue queue,
            Handler handler,
            @Nullable AttemptSettings settings,
            ClaimedMessage message,
            @Nullable Object payload) {
        return begin(queue, handler, settings, List.of(message), Collections.singletonList(payload));
    }

    boolean isAtomic() {
        return handler.mode() == HandlerMode.ATOMIC;
    }

    /**
     * To be asked right before the handler is called. {@link #ended} follows.
     *
     * @throws LateStartException it is too late to start one of the messages
     */
    void requireInTime() {
        for (ClaimedMessage message : messages) {
            if (message.lease().isLate()) {
                throw new LateStartException(this);
            }
        }
        long now = System.nanoTime();
        boolean isFirst = !queue.hasReturned(handler);
        for (ClaimedMessage message : messages) {
            StartBooking booking = message.lease().booking();
            if (booking != null && !booking.begins(message.id(), messages.size() == 1, isFirst, now)) {
                throw new LateStartException(this);
            }
        }
    }

    /** Notes that the handler has returned or thrown. Not for a call that {@link #requireInTime} refused. */
    void ended() {
        long now = System.nanoTime();
        for (ClaimedMessage message : messages) {
            StartBooking booking = message.lease().booking();
            if (booking != null) {
                booking.ended(message.id(), now);
            }
        }
    }

    boolean isBatch() {
        return messages.size() > 1;
    }
}
