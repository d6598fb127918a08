package io.postroom.internal.producer;

import io.postroom.api.DuplicateMessageException;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.StoreErrors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * Repeats a transaction of Postroom's own when its failure may pass, as a dropped connection does. Thread-safe.
 *
 * <p>A failure may hit the commit: nobody knows then whether it took place. So each repeat says that the ids are given, and the store
 * looks for them first. A message that a lost commit wrote is found by its id, and exists once.
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
        for (int attempt = 1; ; attempt++) {
            try {
                return attempt == 1 ? writer.writeDirect(messages) : repeat(messages);
            } catch (RuntimeException error) {
                if (!StoreErrors.mayPass(error)) {
                    throw attempt == 1 || error instanceof DuplicateMessageException
                            ? error
                            : firstTryUnknown(messages, error);
                }
                if (attempt == TRIES) {
                    throw fateUnknown(messages, error);
                }
                waitAfter(attempt);
            }
        }
    }

    @Override
    public List<EnqueueResult> writeOnce(List<NewMessage> messages) {
        return writer.writeDirect(messages);
    }

    @Override
    public EnqueueResult writeAgain(NewMessage message) {
        List<NewMessage> one = List.of(message);
        return countOwnAsNew(one, write(withGivenIds(one))).get(0);
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
            boolean isNew = result.isNew() || !message.givenId() && result.id().equals(message.id());
            counted.add(new EnqueueResult(result.id(), isNew, result.sameContent(), result.seq()));
        }
        return counted;
    }

    /** The last failure is final, but a try before it may have stored the message. */
    private static StoreException firstTryUnknown(List<NewMessage> messages, RuntimeException error) {
        StoreException.Kind kind = error instanceof StoreException store ? store.kind() : StoreException.Kind.BROKEN;
        String state = error instanceof StoreException store ? store.state() : "";
        return new StoreException(
                "could not be stored again, and whether an earlier try stored it is not known: ask find(\""
                        + messages.get(0).id() + "\"). " + error.getMessage(),
                kind,
                state,
                error);
    }

    private static StoreException fateUnknown(List<NewMessage> messages, RuntimeException error) {
        return new StoreException(
                "could not be stored in " + TRIES + " tries, and whether the last one was is not known: ask find(\""
                        + messages.get(0).id() + "\"), or repeat with .id(...) of that value, which is safe. "
                        + error.getMessage(),
                StoreException.Kind.UNAVAILABLE,
                "",
                error);
    }

    /** Waits half to one and a half times a doubling wait: callers that failed together spread more widely than a lone loop's back-off. */
    private static void waitAfter(int attempt) {
        long millis = (long) FIRST_WAIT_MILLIS << attempt;
        LockSupport.parkNanos(
                Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis))
                        .toNanos());
    }
}
