package io.postroom;

import io.postroom.storage.Enqueued;
import io.postroom.storage.NewMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One commit for messages that threads create at the same time, each outside of any transaction and waiting for its own: a commit costs ten times what a
 * row in it costs. Thread-safe, without a thread of its own:
 *
 * <ol>
 *   <li>Whoever comes while nothing is being written writes at once, alone: a lone message waits for nobody.
 *   <li>Whoever comes meanwhile is gathered. When the write ends, the first of the gathered writes for all of them, and the next gather.
 *   <li>If a group fails, each writes its own again, on its own thread, as one that may be there already: a message is not refused for its neighbour.
 * </ol>
 *
 * <p>Only for messages that wait for no other transaction (no id or deduplication key of the caller's): one that waited would hold up all the others.
 */
final class SharedCommit {
    private static final Logger log = LoggerFactory.getLogger(SharedCommit.class);
    private static final int LARGEST_GROUP = 500;

    private final Function<List<NewMessage>, List<Enqueued>> write;
    private final Function<NewMessage, Enqueued> writeAgain;
    private final Object lock = new Object();
    private List<Waiting> gathered = new ArrayList<>();
    private boolean writing;

    /**
     * @param write stores all of them in one transaction of their own, or none
     * @param writeAgain stores one that may have been stored already
     */
    SharedCommit(Function<List<NewMessage>, List<Enqueued>> write, Function<NewMessage, Enqueued> writeAgain) {
        this.write = write;
        this.writeAgain = writeAgain;
    }

    /** Stores a message; it is durable when this returns. */
    Enqueued add(NewMessage row) {
        Waiting own = new Waiting(row);
        List<Waiting> group = join(own) ? List.of(own) : own.await();
        if (!group.isEmpty()) {
            lead(group);
        }
        return own.enqueued != null ? own.enqueued : writeAgain.apply(row);
    }

    /** Whether nothing is being written, so that this one may at once. */
    private boolean join(Waiting own) {
        synchronized (lock) {
            if (writing) {
                gathered.add(own);
                return false;
            }
            writing = true;
            return true;
        }
    }

    private void lead(List<Waiting> group) {
        try {
            List<Enqueued> enqueued =
                    write.apply(group.stream().map(Waiting::row).toList());
            for (int i = 0; i < group.size(); i++) {
                group.get(i).enqueued = enqueued.get(i);
            }
        } catch (RuntimeException error) {
            if (group.size() == 1) {
                throw error;
            }
            log.debug("a group of {} messages was not stored; each is stored by itself", group.size(), error);
        } finally { // an Error is the leader's; the others write alone
            handOver();
            group.forEach(Waiting::end);
        }
    }

    private void handOver() {
        List<Waiting> next;
        synchronized (lock) {
            int size = Math.min(gathered.size(), LARGEST_GROUP);
            writing = size > 0;
            if (!writing) {
                return;
            }
            next = List.copyOf(gathered.subList(0, size));
            gathered = new ArrayList<>(gathered.subList(size, gathered.size()));
        }
        next.get(0).lead(next);
    }

    private static final class Waiting {
        private final NewMessage row;
        private final Thread thread = Thread.currentThread();
        private volatile @Nullable List<Waiting> group;
        private @Nullable Enqueued enqueued;

        Waiting(NewMessage row) {
            this.row = row;
        }

        NewMessage row() {
            return row;
        }

        /** Until it is written (answers an empty list) or is to write a group. An interrupt does not end it: whether it is written would be unknown. */
        List<Waiting> await() {
            boolean interrupted = false;
            List<Waiting> mine;
            while ((mine = group) == null) {
                LockSupport.park(this);
                interrupted |= Thread.interrupted();
            }
            if (interrupted) {
                thread.interrupt();
            }
            return mine;
        }

        void lead(List<Waiting> members) {
            group = members;
            LockSupport.unpark(thread);
        }

        /** What was set before is seen by the thread that waits. */
        void end() {
            if (thread != Thread.currentThread()) {
                group = List.of();
                LockSupport.unpark(thread);
            }
        }
    }
}
