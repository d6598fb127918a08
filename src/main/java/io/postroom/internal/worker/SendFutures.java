package io.postroom.internal.worker;

import io.postroom.api.MessageState;
import io.postroom.api.PostroomException;
import io.postroom.api.SendResult;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.MessageQueries;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Function;

/**
 * The futures of {@code sendMessageAsync}. Results of this process complete them at once, results of other processes with the next poll.
 * Thread-safe, but for {@link #look}.
 */
public final class SendFutures {
    private static final int ASKED_AT_ONCE = 1000;

    private final MessageQueries store;
    private final Executor callbacks;
    private final Map<UUID, CompletableFuture<SendResult>> waiting = new ConcurrentHashMap<>();
    /** Number of futures that were asked about since {@link #look} last began at the first one. */
    private int asked;

    SendFutures(MessageQueries store, Executor callbacks) {
        this.store = store;
        this.callbacks = callbacks;
    }

    /** A future of the message's end. The same message has one future. */
    public CompletableFuture<SendResult> watch(UUID id) {
        CompletableFuture<SendResult> future =
                waiting.computeIfAbsent(id, unused -> new CompletableFuture<SendResult>());
        future.whenComplete((result, error) -> waiting.remove(id, future));
        return future;
    }

    /** Fails the future: the transaction that created the message rolled back. */
    public void rolledBack(UUID id) {
        CompletableFuture<SendResult> future = waiting.get(id);
        if (future != null) {
            future.completeExceptionally(new PostroomException(
                    "message " + id + " was not sent: the transaction that created it was rolled back"));
        }
    }

    void written(List<Completion> ends) {
        if (waiting.isEmpty()) {
            return;
        }
        for (Completion end : ends) {
            MessageState state = ResultDispatcher.stateAfter(end);
            if (state.isEnd()) {
                reached(end.message().id(), state);
            }
        }
    }

    /** Asks the store about the next thousand messages with an open future. Called by one thread. */
    void poll() {
        List<UUID> ids =
                waiting.keySet().stream().skip(asked).limit(ASKED_AT_ONCE).toList();
        asked = ids.size() < ASKED_AT_ONCE ? 0 : asked + ASKED_AT_ONCE;
        if (ids.isEmpty()) {
            return;
        }
        store.states(ids).forEach((id, state) -> {
            if (state.isEnd()) {
                reached(id, state);
            }
        });
    }

    /** Fails all open futures: the process stops, and other processes handle the messages. */
    void giveUp() {
        failAll(id -> "Postroom stopped before message " + id + " reached its end; ask find(id) after the restart");
    }

    /** Fails all open futures: the messages were removed. */
    void removed() {
        failAll(id -> "message " + id + " was removed by a reset before it reached its end");
    }

    private void failAll(Function<UUID, String> reason) {
        waiting.forEach((id, future) -> future.completeExceptionally(new PostroomException(reason.apply(id))));
    }

    private void reached(UUID id, MessageState state) {
        CompletableFuture<SendResult> future = waiting.get(id);
        if (future != null) {
            future.completeAsync(() -> new SendResult(id, state, Optional.empty(), Optional.empty()), callbacks);
        }
    }
}
