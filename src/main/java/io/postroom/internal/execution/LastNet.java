package io.postroom.internal.execution;

import io.postroom.api.RetryPolicy;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives every message its end, whatever fails. A bug of Postroom, or a database that went away between claim and run, must leave no message
 * under its lease. Thread-safe.
 *
 * <p>The methods that run something answer whether the calling thread may go on. False: a call was given up meanwhile, and another thread
 * has taken this one's place.
 */
final class LastNet {
    private static final Logger log = LoggerFactory.getLogger(LastNet.class);

    /** Messages that one line of the log names. */
    private static final int NAMED = 5;

    private final Completer completer;

    LastNet(Completer completer) {
        this.completer = completer;
    }

    /** Runs one message. */
    interface Run {
        /** @param onGivenUp run once, by another thread, if the call is given up */
        boolean run(ClaimedMessage message, Runnable onGivenUp);
    }

    /**
     * Runs something that gives messages their ends. What it throws ends those that have none, as {@link StateTransitions#notRun} says.
     *
     * @param open the messages without an end, read after a failure: a message with two ends would be finished and come back
     */
    boolean run(HandledQueue queue, List<ClaimedMessage> open, BooleanSupplier run) {
        try {
            return run.getAsBoolean();
        } catch (Throwable unexpected) {
            log.error(
                    "{} messages of queue {} could not be run, the first {}: {}",
                    open.size(),
                    queue.name(),
                    open.stream().limit(NAMED).map(ClaimedMessage::id).toList(),
                    Failure.textOf(unexpected),
                    Failure.loggable(unexpected));
            RetryPolicy policy = mostPatient(queue);
            open.forEach(message -> end(StateTransitions.notRun(message, unexpected, policy)));
            return true;
        }
    }

    /** Which handler each message belongs to may be the very thing that failed, so none dies earlier than its own policy says. */
    private static RetryPolicy mostPatient(HandledQueue queue) {
        return queue.handlers().stream()
                .map(queue::retryPolicy)
                .max(Comparator.comparingInt(RetryPolicy::attempts))
                .orElseThrow();
    }

    /** Runs messages one by one, each under a net of its own. If a call is given up, the messages after it are released at once. */
    boolean runEach(HandledQueue queue, List<ClaimedMessage> messages, Runnable onGivenUp, Run run) {
        for (int i = 0; i < messages.size(); i++) {
            ClaimedMessage message = messages.get(i);
            List<ClaimedMessage> rest = messages.subList(i + 1, messages.size());
            Runnable withRest = () -> releaseAll(rest, onGivenUp);
            if (!run(queue, List.of(message), () -> run.run(message, withRest))) {
                return false;
            }
        }
        return true;
    }

    /** Releases messages of which none was begun, then says that the call before them was given up. */
    void releaseAll(List<ClaimedMessage> messages, Runnable onGivenUp) {
        messages.forEach(message -> end(Completion.release(message)));
        onGivenUp.run();
    }

    /** Hands a message's end to the completer. Always true: the calling thread may go on. */
    boolean end(Completion completion) {
        completer.add(List.of(completion));
        return true;
    }
}
