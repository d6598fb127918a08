package io.postroom.internal.worker;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.NextState;
import io.postroom.internal.storage.WorkerStore;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wakes consumers for messages that dead letters of this process went on as, through a dead letter exchange. The database passes them on,
 * in the transaction that made them dead letters, so this process has to ask where they are. It asks after that transaction, on another
 * thread than the one that writes results. While a question is under way, further dead letters are gathered for the next one.
 *
 * <p>Messages that a job made dead letters have no such question: rescue comes a lease time late, and expiry up to 15 s. A poll finds their
 * successors within a second. Thread-safe.
 */
final class PassedOnLetters {
    private static final Logger log = LoggerFactory.getLogger(PassedOnLetters.class);
    /** Most that one question names. What is above that waits for a poll. */
    private static final int MOST = 1_000;

    private final WorkerStore store;
    private final Notifier notifier;
    private final Executor background;
    private final List<UUID> gathered = new ArrayList<>();
    private boolean isAsking;

    PassedOnLetters(WorkerStore store, Notifier notifier, Executor background) {
        this.store = store;
        this.notifier = notifier;
        this.background = background;
    }

    /** Takes ends that were committed. */
    void written(List<Completion> ends) {
        for (Completion end : ends) {
            if (end.next() == NextState.DEAD || end.outcome() == AttemptOutcome.EXPIRED) {
                take(end.message().id());
            }
        }
    }

    private void take(UUID dead) {
        synchronized (gathered) {
            if (gathered.size() < MOST) {
                gathered.add(dead);
            }
            if (isAsking) {
                return;
            }
            isAsking = true;
        }
        try {
            background.execute(this::askAll);
        } catch (RejectedExecutionException stopping) {
            synchronized (gathered) {
                isAsking = false;
            }
        }
    }

    private void askAll() {
        for (List<UUID> dead = next(); !dead.isEmpty(); dead = next()) {
            try {
                notifier.wake(store.passedOn(dead).stream()
                        .map(Arrival::somewhereIn) // their numbers are new, so they are above every cursor
                        .toList());
            } catch (RuntimeException failed) {
                log.debug("where dead letters went on to could not be asked; polls find it", failed);
            }
        }
    }

    private List<UUID> next() {
        synchronized (gathered) {
            List<UUID> dead = List.copyOf(gathered);
            gathered.clear();
            isAsking = !dead.isEmpty();
            return dead;
        }
    }
}
