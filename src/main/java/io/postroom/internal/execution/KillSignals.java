package io.postroom.internal.execution;

import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ConsumerStore.KillAnswer;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Carries out kill signals: messages that stop consumers of their queue, and that no handler gets. Thread-safe. */
public final class KillSignals {
    /** Pause before the next look while messages that came before it are READY. */
    private static final Duration WAIT = Duration.ofSeconds(1);

    private static final RetryPolicy NEVER = RetryPolicy.fixed(1, WAIT);

    private final Orders orders;

    /** Where the orders go. */
    public interface Orders {
        /** Does what {@link io.postroom.internal.storage.ConsumerStore#obey} does. */
        KillAnswer obey(UUID message, int queueId, String queue);
    }

    public KillSignals(Orders orders) {
        this.orders = orders;
    }

    /** Whether a message of this type is a kill signal. */
    public static boolean isType(@Nullable String type) {
        return CreateMessage.KILL_SIGNAL.equals(type);
    }

    /** Carries out the signal and answers its end. */
    Completion end(HandledQueue queue, ClaimedMessage message) {
        long started = System.nanoTime();
        KillAnswer answer = orders.obey(message.id(), queue.id(), queue.name());
        Outcome outcome = switch (answer.kind()) {
            case DONE -> Outcome.done();
            case WAIT -> Outcome.snooze(WAIT, answer.reason());
            case REFUSED -> Outcome.reject(answer.reason());
        };
        return StateTransitions.of(message, outcome, null, NEVER, started);
    }
}
