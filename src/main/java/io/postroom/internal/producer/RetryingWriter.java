package io.postroom.internal.producer;

import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.StoreErrors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Repeats a transaction of Postroom's own when its failure may pass, as a dropped connection does. Thread-safe.
 *
 * <p>A failure may hit the commit: nobody knows then whether it took place. So each repeat says that the ids are given, and the store
 * looks for them first. A message that a lost commit wrote is found by its id, and exists once. A failure that the server reported before
 * the commit, such as a full disk, leaves no doubt: nothing was stored.
 *
 * <p>A caller's transaction does not come through here: a repeat in it would run in a transaction that PostgreSQL has already given up.
 */
final class RetryingWriter implements GroupWriter {
    private static final int TRIES = 5;
    private static final int FIRST_WAIT_MILLIS = 20;

    private final MessageWriter writer;

    RetryingWriter(MessageWriter writer) {
        this.writer = writer;
    }

    @Override
    public List<EnqueueResult> write(List<NewMessage> messages) {
        return uninterrupted(interrupt -> write(messages, () -> writer.writeDirect(messages), false, interrupt));
    }

    @Override
    public List<EnqueueResult> writeOnce(List<NewMessage> messages) {
        // An interrupt is meant for this thread alone, but the group has messages of other threads.
        return uninterrupted(interrupt -> writer.writeDirect(messages));
    }

    @Override
    public EnqueueResult writeAgain(NewMessage message, boolean mayBeStored) {
        List<NewMessage> one = List.of(message);
        return uninterrupted(interrupt -> write(one, () -> repeat(one), mayBeStored, interrupt))
                .get(0);
    }

    /**
     * Runs the first try and, while failures may pass, repeats it. An interrupt, before or during a try, makes a pool refuse its
     * connection: it is kept for the caller, and the try repeated.
     *
     * @param mayBeStored whether a commit before the first try may have stored the messages
     */
    private List<EnqueueResult> write(
            List<NewMessage> messages,
            Supplier<List<EnqueueResult>> firstTry,
            boolean mayBeStored,
            KeptInterrupt interrupt) {
        boolean unknown = mayBeStored;
        for (int attempt = 1; ; attempt++) {
            try {
                return attempt == 1 ? firstTry.get() : repeat(messages);
            } catch (RuntimeException error) {
                boolean refusedByInterrupt = interrupt.take();
                unknown |= StoreErrors.mayBeCommitted(error);
                boolean mayPass = refusedByInterrupt || StoreErrors.mayPass(error);
                if (!mayPass || attempt == TRIES) {
                    throw failed(messages, error, attempt, unknown);
                }
                waitAfter(attempt);
            }
        }
    }

    /** Runs a task without the thread's interrupt, and sets the interrupt again after it. */
    private static <T> T uninterrupted(Function<KeptInterrupt, T> task) {
        KeptInterrupt interrupt = new KeptInterrupt();
        interrupt.take();
        try {
            return task.apply(interrupt);
        } finally {
            if (interrupt.seen) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Keeps an interrupt that came before or during a task. */
    private static final class KeptInterrupt {
        private boolean seen;

        /** Clears the thread's interrupt. Returns whether it was set. */
        boolean take() {
            boolean now = Thread.interrupted();
            seen |= now;
            return now;
        }
    }

    private List<EnqueueResult> repeat(List<NewMessage> messages) {
        return countOwnAsNew(messages, writer.write(withGivenIds(messages)));
    }

    private static List<NewMessage> withGivenIds(List<NewMessage> messages) {
        return messages.stream().map(NewMessage::withGivenId).toList();
    }

    /**
     * Counts a message as new, too, if it was there under an id that Postroom chose: only a commit of an earlier try can have written it.
     */
    static List<EnqueueResult> countOwnAsNew(List<NewMessage> messages, List<EnqueueResult> results) {
        List<EnqueueResult> counted = new ArrayList<>(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            NewMessage message = messages.get(i);
            EnqueueResult result = results.get(i);
            boolean isStored = !result.queues().isEmpty(); // else it reached no queue and was dropped
            boolean isNew = result.isNew()
                    || isStored && !message.givenId() && result.id().equals(message.id());
            counted.add(new EnqueueResult(
                    result.id(), isNew, result.sameContent(), result.seq(), result.queues(), result.state()));
        }
        return counted;
    }

    /** The exception for the caller: an answer about the messages themselves is certain, whatever the tries before it did. */
    private static RuntimeException failed(
            List<NewMessage> messages, RuntimeException error, int tries, boolean mayBeStored) {
        if (!StoreErrors.isOfDatabase(error)) {
            return error;
        }
        if (mayBeStored) {
            return new UnknownFateException(messages.get(0).id(), tries, error);
        }
        return tries == 1 ? error : StoreErrors.notStored(tries, error);
    }

    /** Waits half to one and a half times a doubling wait: callers that failed together spread more widely than a lone loop's back-off. */
    private static void waitAfter(int attempt) {
        long millis = (long) FIRST_WAIT_MILLIS << attempt;
        LockSupport.parkNanos(
                Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis))
                        .toNanos());
    }
}
