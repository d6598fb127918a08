package io.postroom.internal.producer;

import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * Chooses with which others a message shares its commit. A message for a queue with a maximum length may wait for another transaction that
 * creates messages there, so it shares its commit with messages of that queue only. Others in its group would wait with it. Thread-safe.
 */
final class GroupCommits {
    /** Queues whose group is remembered. Above it all are forgotten: a new group costs nothing. */
    private static final int MOST_REMEMBERED = 1000;

    private final GroupWriter writer;
    private final Predicate<NewMessage> isLimited;
    private final SyncGroupCommit unlimited;
    private final Map<String, SyncGroupCommit> limited = new ConcurrentHashMap<>();

    /** @param isLimited whether the message is known to be for a queue with a maximum length */
    GroupCommits(GroupWriter writer, Predicate<NewMessage> isLimited) {
        this.writer = writer;
        this.isLimited = isLimited;
        this.unlimited = new SyncGroupCommit(writer);
    }

    /** Stores all messages or none. No transaction may be open on the thread. */
    List<EnqueueResult> write(List<NewMessage> messages) {
        NewMessage first = messages.get(0);
        boolean isShared = messages.size() == 1 && first.isPlain();
        return isShared && isLimited.test(first) ? ofQueue(first.queue()).write(messages) : unlimited.write(messages);
    }

    /** Two groups of one queue do no harm: the database lets one of them wait. */
    private SyncGroupCommit ofQueue(String queue) {
        if (limited.size() >= MOST_REMEMBERED) {
            limited.clear();
        }
        return limited.computeIfAbsent(queue, name -> new SyncGroupCommit(writer));
    }
}
