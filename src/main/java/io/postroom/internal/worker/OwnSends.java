package io.postroom.internal.worker;

import io.postroom.api.PostroomException;
import io.postroom.internal.storage.Completion;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/** Results that callers of {@code sendMessageSync} wait for, by message. Thread-safe. */
final class OwnSends {
    private final Map<UUID, CompletableFuture<Completion>> waiting = new ConcurrentHashMap<>();

    /** A future of the result; {@link #end} must follow. */
    CompletableFuture<Completion> begin(UUID id) {
        CompletableFuture<Completion> result = new CompletableFuture<>();
        waiting.put(id, result);
        return result;
    }

    void end(UUID id) {
        waiting.remove(id);
    }

    boolean isEmpty() {
        return waiting.isEmpty();
    }

    void written(List<Completion> ends) {
        for (Completion end : ends) {
            CompletableFuture<Completion> own =
                    waiting.isEmpty() ? null : waiting.get(end.message().id());
            if (own != null) {
                own.complete(end);
            }
        }
    }

    void lost(Completion end) {
        CompletableFuture<Completion> own = waiting.get(end.message().id());
        if (own != null) {
            own.completeExceptionally(
                    new PostroomException(
                            "message " + end.message().id()
                                    + " was sent, but its lease was lost before that could be recorded: another process sends it again"));
        }
    }

    /** The process stops: no more results come. */
    void giveUp() {
        waiting.values().forEach(end -> end.completeExceptionally(new PostroomException("Postroom was stopped")));
    }
}
