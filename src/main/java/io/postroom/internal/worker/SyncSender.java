package io.postroom.internal.worker;

import io.postroom.api.MessageState;
import io.postroom.api.NoHandlerException;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.api.SendResult;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.execution.Completer;
import io.postroom.internal.execution.Executor;
import io.postroom.internal.execution.HandlerRegistry;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.Stores;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * {@code sendMessageSync}: stores a message under a lease of this process, runs its handler on the caller's thread, and waits for the
 * result. The result is written by the same completer as all others. Thread-safe.
 */
public final class SyncSender {
    private final Stores stores;
    private final HandlerRegistry handlers;
    private final Heartbeat heartbeat;
    private final QueueDeclarations declarations;
    private final HeldLeases leases;
    private final Executor executor;
    private final Completer completer;
    private final OwnSends ownSends;
    private volatile boolean stopped;

    SyncSender(
            Stores stores,
            HandlerRegistry handlers,
            Heartbeat heartbeat,
            QueueDeclarations declarations,
            HeldLeases leases,
            Executor executor,
            Completer completer,
            OwnSends ownSends) {
        this.stores = stores;
        this.handlers = handlers;
        this.heartbeat = heartbeat;
        this.declarations = declarations;
        this.leases = leases;
        this.executor = executor;
        this.completer = completer;
        this.ownSends = ownSends;
    }

    /** @throws NoHandlerException no handler here takes such a message */
    public void requireHandler(String queue, @Nullable String type, int version) {
        if (handlers.find(queue, type, version).isEmpty()) {
            throw new NoHandlerException(queue, type == null ? "" : type, version);
        }
    }

    /**
     * Stores the message under a lease of this process, runs it once on this thread and completes it.
     *
     * @return empty when its id or deduplication key was there
     * @throws PostroomException Postroom is stopped, and nothing was stored
     * @throws IllegalStateException called on the completer's thread, which would wait for itself
     */
    public Optional<SendResult> sendNow(NewMessage message) {
        refuseOnEngineThread();
        if (stopped) {
            throw new PostroomException(
                    "Postroom was stopped in this process, which runs no message any more. The message was not stored:"
                            + " send it from a process that runs, or start Postroom again");
        }
        heartbeat.ensureStarted();
        ConsumedQueue queue = declarations
                .adopted(message.queueId(), message.queue())
                .orElseThrow(() -> new IllegalStateException("no handler for queue " + message.queue()));
        boolean interrupted = Thread.interrupted(); // the caller's interrupt is set again at the end
        Optional<ClaimedMessage> held = stores.enqueue().enqueueLeased(message, heartbeat.workerId());
        if (held.isEmpty()) {
            return Optional.empty();
        }
        leases.taken(List.of(held.get()));
        CompletableFuture<Completion> end = ownSends.begin(message.id());
        try {
            executor.run(queue.handled(), held.get(), () -> {});
            return Optional.of(resultOf(end.join()));
        } catch (CompletionException lost) {
            return Optional.of(resultAfterLoss(message.id()));
        } finally {
            ownSends.end(message.id());
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Refuses new sends from here on. */
    void stop() {
        stopped = true;
    }

    /** A listener's thread may be the very thread that has to complete the message. */
    private void refuseOnEngineThread() {
        if (completer.isOwnThread()) {
            throw new IllegalStateException(
                    "sendMessageSync waits for the thread it was called on: a PostroomListener must hand such work to a thread of its own");
        }
    }

    /**
     * Asks the database for the state. The lease was gone when the result was to be written: another process took over, or the first try
     * was committed and only its answer was lost.
     */
    private SendResult resultAfterLoss(UUID id) {
        MessageState state = stores.queries().states(List.of(id)).getOrDefault(id, MessageState.READY);
        return new SendResult(id, state, Optional.empty(), Optional.empty());
    }

    private static SendResult resultOf(Completion end) {
        MessageState state = ResultDispatcher.stateAfter(end);
        Optional<Instant> next =
                state == MessageState.DELAYED ? Optional.of(Instant.now().plus(end.delay())) : Optional.empty();
        return new SendResult(end.message().id(), state, outcomeOf(end), next);
    }

    private static Optional<Outcome> outcomeOf(Completion end) {
        if (end.outcome() == null) {
            return Optional.empty();
        }
        String text = end.failure() == null ? "" : end.failure().text();
        return switch (end.outcome()) {
            case DONE -> Optional.of(Outcome.done(end.note() == null ? "" : end.note()));
            case RETRY, FAILED -> Optional.of(Outcome.retry(end.delay(), text));
            case SNOOZE -> Optional.of(Outcome.snooze(end.delay(), text));
            case NOT_NOW -> Optional.of(Outcome.notNow(text, end.delay()));
            case REJECT -> Optional.of(Outcome.reject(text));
            case CANCELLED, EXPIRED, CRASHED, UNDECODABLE -> Optional.empty();
        };
    }
}
