package io.postroom.internal.producer;

import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.StoreErrors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shares one commit among messages that several threads create at the same time. Each thread waits for its message and has no transaction
 * open. A commit costs ten times what a row in it costs. Thread-safe, without a thread of its own:
 *
 * <ol>
 *   <li>A thread that comes while no write is running writes at once, alone: a lone message waits for no other.
 *   <li>A thread that comes during a write is gathered. When the write ends, the first gathered thread takes its turn. It lets threads
 *       go first that are ready to run, and writes for all that have come by then.
 *   <li>If a group fails, each thread writes its own message again, as one that may be stored already: no message is refused for its
 *       neighbour.
 *   <li>A thread that has been gathered for {@link #LONGEST_GATHERED}, because another thread's write hangs on a dead connection, leaves
 *       the group and writes alone.
 * </ol>
 *
 * <p>Only plain messages share a commit: those without an id or deduplication key of the caller's. Any other message may wait for another
 * transaction, and would hold up the whole group.
 */
final class SyncGroupCommit {
    private static final Logger log = LoggerFactory.getLogger(SyncGroupCommit.class);
    static final int LARGEST_GROUP = 500;
    /** Bytes from which on a group takes no further message: 500 messages of the largest size would be a statement of 500 MB. */
    static final long LARGEST_BYTES = 8L * 1024 * 1024;
    /** Longest wait in a group: longer than a checkpoint keeps a server busy, far shorter than TCP takes to give up a dead connection. */
    static final Duration LONGEST_GATHERED = Duration.ofSeconds(2);

    private final GroupWriter writer;
    private final Duration longestGathered;
    private final Object lock = new Object();
    private List<Waiting> gathered = new ArrayList<>();
    private boolean writing;

    SyncGroupCommit(GroupWriter writer) {
        this(writer, LONGEST_GATHERED);
    }

    SyncGroupCommit(GroupWriter writer, Duration longestGathered) {
        this.writer = writer;
        this.longestGathered = longestGathered;
    }

    /** Stores all messages or none. A single plain message shares its commit with others. No transaction may be open on the thread. */
    List<EnqueueResult> write(List<NewMessage> messages) {
        return messages.size() == 1 && messages.get(0).isPlain()
                ? List.of(add(messages.get(0)))
                : writer.write(messages);
    }

    /** Stores a plain message. The message is durable when this method returns. */
    EnqueueResult add(NewMessage message) {
        Waiting own = new Waiting(message);
        if (mayWriteAtOnce(own)) {
            writeGroup(own);
        } else if (awaitTurn(own)) {
            // Threads whose group has just ended may come with their next message now, and share this commit: 3,266 and
            // 3,525 messages
            // a second over HTTP (W20) instead of 2,245, and no fewer in process.
            Thread.yield();
            writeGroup(own);
        }
        EnqueueResult result = own.result;
        return result != null ? result : writer.writeAgain(message, own.mayBeStored);
    }

    private boolean mayWriteAtOnce(Waiting own) {
        synchronized (lock) {
            gathered.add(own);
            boolean first = !writing;
            writing = true;
            return first;
        }
    }

    /**
     * Waits until this thread is to write for all (true), or until its message is written or has left the group (false). An interrupt
     * does not end the wait: whether the message is written would be unknown. Nor does time end it once another thread writes the
     * message, for the same reason.
     */
    private boolean awaitTurn(Waiting own) {
        long end = System.nanoTime() + longestGathered.toNanos();
        boolean interrupted = false;
        while (own.step == Step.GATHERED) {
            long left = end - System.nanoTime();
            if (left > 0) {
                LockSupport.parkNanos(this, left);
            } else if (leave(own)) {
                break;
            } else {
                LockSupport.park(this);
            }
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return own.step == Step.TURN;
    }

    /** Takes the message out of the group. Returns false if its turn has come, or if it is in a group that is being written. */
    private boolean leave(Waiting own) {
        synchronized (lock) {
            return own.step == Step.GATHERED && gathered.remove(own);
        }
    }

    /** Writes all messages that are gathered by now, the thread's own among them. Whatever happens, the next thread gets its turn. */
    private void writeGroup(Waiting own) {
        List<Waiting> group = own.alone;
        try {
            group = takeGroup();
            List<NewMessage> messages = group.stream().map(Waiting::message).toList();
            // A lone message is repeated here. The members of a group repeat on their own threads, at the same time.
            List<EnqueueResult> results = group.size() == 1 ? writer.write(messages) : writer.writeOnce(messages);
            for (int i = 0; i < group.size(); i++) {
                group.get(i).result = results.get(i);
            }
        } catch (RuntimeException error) {
            if (group.size() == 1) {
                throw error;
            }
            boolean mayBeStored = StoreErrors.mayBeCommitted(error);
            group.forEach(waiting -> waiting.mayBeStored = mayBeStored);
            log.debug("a group of {} messages was not stored; each is stored by itself", group.size(), error);
        } finally { // an Error goes to this thread's caller; the other threads write alone
            try {
                // Before the turn is passed on: these threads may return before the next write.
                for (Waiting waiting : group) {
                    if (waiting != own) {
                        waiting.end();
                    }
                }
            } finally {
                passOn(own);
            }
        }
    }

    private List<Waiting> takeGroup() {
        synchronized (lock) {
            int size = 0;
            for (long bytes = 0; size < Math.min(gathered.size(), LARGEST_GROUP) && bytes < LARGEST_BYTES; size++) {
                bytes += gathered.get(size).message.content().bytes();
            }
            List<Waiting> group = List.copyOf(gathered.subList(0, size));
            gathered = new ArrayList<>(gathered.subList(size, gathered.size()));
            group.forEach(waiting -> waiting.mayBeStored = true); // until the write says otherwise
            return group;
        }
    }

    private void passOn(Waiting own) {
        synchronized (lock) {
            gathered.remove(own); // it is still there only if its group could not be taken
            if (gathered.isEmpty()) {
                writing = false;
            } else {
                gathered.get(0).beginTurn();
            }
        }
    }

    private static final class Waiting {
        private final NewMessage message;
        private final Thread thread = Thread.currentThread();
        private final List<Waiting> alone = List.of(this);
        private volatile Step step = Step.GATHERED;
        private @Nullable EnqueueResult result;
        private volatile boolean mayBeStored;

        Waiting(NewMessage message) {
            this.message = message;
        }

        NewMessage message() {
            return message;
        }

        void beginTurn() {
            step = Step.TURN;
            LockSupport.unpark(thread);
        }

        /** Ends the wait. The waiting thread sees the result that was set before, because {@link #step} is volatile. */
        void end() {
            step = Step.ENDED;
            LockSupport.unpark(thread);
        }
    }

    private enum Step {
        GATHERED,
        TURN,
        ENDED
    }
}
