package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.Targets;
import java.sql.SQLException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a statement for many messages checks: the queues of the messages, each named once, and what chose the queues of those created
 * through an exchange. Immutable.
 *
 * @param areRouted whether some were created through an exchange
 * @param routing the version of the exchanges and bindings that chose queues; null: nothing to check
 */
record KnownQueues(
        int[] ids,
        String[] names,
        boolean areRouted,
        @Nullable UUID routing) {

    private static final KnownQueues NONE = new KnownQueues(new int[0], new String[0], false, null);

    static KnownQueues of(List<NewMessage> messages) {
        // Pairs: of two names under one number, as a stale cache may give them, both are checked.
        Set<Known> known = new LinkedHashSet<>();
        Set<UUID> versions = new LinkedHashSet<>();
        boolean areRouted = false;
        for (NewMessage message : messages) {
            Targets targets = message.targets();
            if (targets == null) {
                known.add(new Known(message.queueId(), message.queue()));
            } else {
                areRouted = true;
                targets.queues().forEach(target -> known.add(new Known(target.queueId(), target.queue())));
                if (targets.version() != null) {
                    versions.add(targets.version());
                }
            }
        }
        if (versions.size() > 1) {
            throw EnqueueWriter.changedQueues(messages);
        }
        return new KnownQueues(
                known.stream().mapToInt(Known::id).toArray(),
                known.stream().map(Known::name).toArray(String[]::new),
                areRouted,
                versions.isEmpty() ? null : versions.iterator().next());
    }

    /** The same for a statement that checks the queue itself: without exchanges there is nothing to gather. */
    static KnownQueues ofRouted(List<NewMessage> messages) {
        return areRouted(messages) ? of(messages) : NONE;
    }

    private static boolean areRouted(List<NewMessage> messages) {
        for (NewMessage message : messages) {
            if (message.targets() != null) {
                return true;
            }
        }
        return false;
    }

    /** Checks nothing, for messages whose queues were looked up or chosen just now. */
    static KnownQueues unchecked(List<NewMessage> messages) {
        return areRouted(messages) ? new KnownQueues(NONE.ids, NONE.names, true, null) : NONE;
    }

    /** The same without the queues, which were checked before. */
    KnownQueues withoutQueues() {
        return new KnownQueues(NONE.ids, NONE.names, areRouted, routing);
    }

    void set(Sql.Call call) throws SQLException {
        call.set("knownIds", ids).set("knownNames", names);
        setRouting(call);
    }

    void setRouting(Sql.Call call) throws SQLException {
        if (areRouted) {
            call.setUntyped("routing", routing == null ? null : routing.toString());
        }
    }

    private record Known(int id, String name) {}
}
