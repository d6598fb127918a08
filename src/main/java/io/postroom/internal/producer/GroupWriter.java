package io.postroom.internal.producer;

import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.util.List;

/**
 * The step behind the group commits: stores checked messages in a transaction of their own. The thread that calls has no transaction open.
 *
 * <p>Results come in the order of the messages. All messages are durable when a method returns.
 */
interface GroupWriter {
    /**
     * Stores all messages or none, and repeats a try that failed for a reason that may pass. The exception says whether it is known that
     * nothing was stored. An interrupt ends no try, and stays set.
     */
    List<EnqueueResult> write(List<NewMessage> messages);

    /** Stores all messages or none in a single try. After an exception, the commit may have taken place. */
    List<EnqueueResult> writeOnce(List<NewMessage> messages);

    /**
     * Stores a message whose group {@link #writeOnce} did not store for certain, and repeats like {@link #write}.
     *
     * @param mayBeStored whether that group's commit may have taken place
     */
    EnqueueResult writeAgain(NewMessage message, boolean mayBeStored);
}
