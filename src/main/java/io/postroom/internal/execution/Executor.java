package io.postroom.internal.execution;

import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Runs claimed messages on the calling thread. Thread-safe. Whatever the user's code does, each message gets exactly one end, a {@link
 * Completion}. The {@link Completer} writes it. The end of an ATOMIC handler that answered Done is written by its own transaction.
 *
 * <p>Both methods answer whether the calling thread may go on. When a call is given up, {@code onGivenUp} is run at once, by another
 * thread, and the method answers false, if it ever returns: its thread must not be used again.
 */
public final class Executor {
    private final HandlerRegistry handlers;
    private final Delivery delivery;
    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final UndecodableMessages undecodables;
    private final CallRunner calls;
    private final LastNet net;
    private final TimeLimits timeLimits;
    private final KillSignals killSignals;
    private final HandlerEntries entries;

    public Executor(
            HandlerSetup setup,
            LeaseStore store,
            Transactions transactions,
            LeaseHolder leaseHolder,
            TimeLimits timeLimits,
            Completer completer,
            KillSignals killSignals) {
        UserCode userCode = new UserCode(setup, transactions, leaseHolder);
        this.handlers = setup.handlers();
        this.delivery = setup.delivery();
        this.timeLimits = timeLimits;
        this.killSignals = killSignals;
        this.entries = setup.entries();
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.undecodables = new UndecodableMessages(store);
        this.net = new LastNet(completer);
        AtomicCalls atomicCalls = new AtomicCalls(userCode, store, transactions, leaseHolder);
        this.calls = new CallRunner(userCode, atomicCalls, transactions, timeLimits, completer, net, store::park);
    }

    /** Runs one message. */
    public boolean run(HandledQueue queue, ClaimedMessage message, Runnable onGivenUp) {
        return net.run(queue, List.of(message), () -> runOne(queue, message, onGivenUp));
    }

    /** Runs messages that came together: those of a batch handler in one call, then all others one by one. */
    public boolean run(HandledQueue queue, List<ClaimedMessage> messages, Runnable onGivenUp) {
        List<ClaimedMessage> open = new ArrayList<>(messages);
        return net.run(queue, open, () -> runTogether(queue, open, onGivenUp));
    }

    /** Whether a call for the queue has run for longer than that and goes on. */
    public boolean runsLongerThan(Duration time, HandledQueue queue) {
        return timeLimits.runsLongerThan(time, queue.handlers());
    }

    private boolean runOne(HandledQueue queue, ClaimedMessage claimed, Runnable onGivenUp) {
        claimed.lease().awaitStart(); // before the clock of the attempt, and outside of a transaction
        if (!leaseHolder.isTrusted()) {
            return net.end(Completion.release(claimed)); // other processes may have it by now
        }
        ClaimedMessage message = withContent(claimed);
        if (!message.stored()) {
            return net.end(StateTransitions.payloadMissing(message));
        }
        if (message.expired()) {
            return net.end(StateTransitions.expired(message));
        }
        if (KillSignals.isType(message.content().type())) {
            return net.end(killSignals.end(queue, message));
        }
        Optional<Handler> handler = findHandler(queue, message);
        if (handler.isEmpty()) {
            return net.end(StateTransitions.noHandler(message));
        }
        HandlerEntries.Use use = entries.of(handler.get());
        if (use.obstacle() != null) {
            return net.end(
                    StateTransitions.unusableSettings(message, use.obstacle().reason()));
        }
        @Nullable Object payload; // null for JSON null, which is the handler's business
        try {
            payload = delivery.read(handler.get(), message.content());
        } catch (Delivery.UndecodableException undecodable) {
            return net.end(undecodables.end(queue, message, undecodable));
        }
        return calls.run(HandlerCall.begin(queue, handler.get(), use.settings(), message, payload), onGivenUp);
    }

    /** @param open loses the messages that have got their ends, or a net of their own */
    private boolean runTogether(HandledQueue queue, List<ClaimedMessage> open, Runnable onGivenUp) {
        open.forEach(message -> message.lease().awaitStart());
        Batch batch = sort(queue, open);
        HandlerEntries.Use use = batch.handler().map(entries::of).orElse(HandlerEntries.Use.NONE);
        HandlerEntries.Obstacle obstacle = use.obstacle();
        if (obstacle != null) {
            batch.messages().forEach(message -> net.end(StateTransitions.unusableSettings(message, obstacle.reason())));
        }
        Optional<HandlerCall> call = obstacle == null ? batch.begin(queue, use.settings()) : Optional.empty();
        if (call.isPresent() && !calls.run(call.get(), () -> net.releaseAll(batch.others(), onGivenUp))) {
            return false;
        }
        open.clear();
        return net.runEach(
                queue, batch.others(), onGivenUp, (message, whenGivenUp) -> runOne(queue, message, whenGivenUp));
    }

    /**
     * Sorts messages by whether the first one's batch handler takes them. Those that cannot be decoded get their ends here, and leave
     * {@code open}.
     */
    private Batch sort(HandledQueue queue, List<ClaimedMessage> open) {
        Batch batch = new Batch();
        for (ClaimedMessage message : List.copyOf(open)) {
            Optional<Handler> handler = findBatchHandler(queue, message).filter(batch::accepts);
            if (handler.isEmpty()) {
                batch.addOther(message);
                continue;
            }
            try {
                batch.add(handler.get(), message, delivery.read(handler.get(), message.content()));
            } catch (Delivery.UndecodableException undecodable) {
                net.end(undecodables.end(queue, message, undecodable));
                open.remove(message);
            }
        }
        return batch;
    }

    /** Asks a later snapshot for a payload that the claim's snapshot did not show, before the message is delayed. */
    private ClaimedMessage withContent(ClaimedMessage claimed) {
        return claimed.stored() ? claimed : store.reload(claimed).orElse(claimed);
    }

    private Optional<Handler> findHandler(HandledQueue queue, ClaimedMessage message) {
        return handlers.find(
                queue.name(), message.content().type(), message.content().version());
    }

    /** Returns empty, too, for a message that must not be run as it is: {@link #runOne} decides what becomes of it. */
    private Optional<Handler> findBatchHandler(HandledQueue queue, ClaimedMessage message) {
        boolean mayRun = message.stored() && !message.expired() && leaseHolder.isTrusted();
        return mayRun && !KillSignals.isType(message.content().type())
                ? findHandler(queue, message).filter(handler -> handler.batch() > 1)
                : Optional.empty();
    }
}
