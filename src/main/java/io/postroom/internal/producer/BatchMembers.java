package io.postroom.internal.producer;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.WrongTransactionException;
import io.postroom.internal.producer.MessageWriter.Written;
import io.postroom.internal.storage.BatchStore;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Makes new messages members of their batches, in the transaction that writes them. The batches are locked before anything is written, so
 * that a message whose batch takes no members is refused and the caller's transaction goes on. Messages without a batch cost nothing.
 */
final class BatchMembers {
    private final BatchStore store;

    BatchMembers(BatchStore store) {
        this.store = store;
    }

    static boolean areAnyIn(List<NewMessage> messages) {
        for (NewMessage message : messages) { // no stream: this runs for each single message
            if (message.batch() != null) {
                return true;
            }
        }
        return false;
    }

    /**
     * Locks the batches of these messages.
     *
     * @throws InvalidMessageException one of them takes no members
     * @throws WrongTransactionException the connection commits each statement, so that a crash would leave a message without its batch
     */
    void lock(List<NewMessage> messages, Connection connection) throws SQLException {
        if (connection.getAutoCommit()) {
            throw new WrongTransactionException(
                    "a member of a batch was to be created on a connection with auto-commit on: message and membership would be"
                            + " committed one after the other. Begin a transaction on it");
        }
        Set<UUID> batches = new LinkedHashSet<>();
        for (NewMessage message : messages) {
            if (message.batch() != null) {
                batches.add(message.batch());
            }
        }
        Map<UUID, String> refused = store.notOpen(batches, connection);
        for (UUID batch : batches) {
            if (refused.containsKey(batch)) {
                throw new InvalidMessageException(
                        "batch", "the id of an open batch", batch + " (" + refused.get(batch) + ")");
            }
        }
    }

    /** Adds those messages that were not there before. */
    void add(Written written, Connection connection) {
        Map<Part, List<UUID>> parts = new LinkedHashMap<>();
        for (int i = 0; i < written.messages().size(); i++) {
            NewMessage message = written.messages().get(i);
            EnqueueResult result = written.results().get(i);
            if (message.batch() != null && result.isNew()) {
                Part part =
                        new Part(message.batch(), Math.max(1, result.queues().size()));
                parts.computeIfAbsent(part, none -> new ArrayList<>()).add(result.id());
            }
        }
        parts.forEach((part, ids) -> store.add(part.batch, part.entries, ids, connection));
    }

    /** Members of one batch that have as many entries. */
    private record Part(UUID batch, int entries) {}
}
