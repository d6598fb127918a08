package io.postroom.internal.producer;

import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.time.Duration;
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
 *   <li>Whoever comes meanwhile is gathered. When the write ends, the first of the gathered takes its turn and writes for all that have come by then.
 *   <li>If a group fails, each writes its own again, on its own thread, as one that may be there already: a message is not refused for its neighbour.
 *   <li>Whoever has been gathered for {@link #LONGEST_GATHERED} while another's write stands still, on a dead line say, leaves and writes alone.
 * </ol>
 *
 * <p>Only for messages that wait for no other transaction (no id or deduplication key of the caller's): one that waited would hold up all the others.
 */
final class SyncGroupCommit {
    private static final Logger log = LoggerFactory.getLogger(SyncGroupCommit.class);
    static final int LARGEST_GROUP = 500;
    /** Longer than a server is busy with a checkpoint, far shorter than TCP takes to give a line up. */
    static final Duration LONGEST_GATHERED = Duration.ofSeconds(2);

    private final Function<List<NewMessage>, List<EnqueueResult>> write;
    private final Function<NewMessage, EnqueueResult> writeAgain;
    private final Duration longestGathered;
    private final Object lock = new Object();
    private List<Waiting> gathered = new ArrayList<>();
    private boolean writing;

    /**
     * @param write stores all of them in one transaction of their own, or none
     * @param writeAgain stores one that may have been stored already
     */
    SyncGroupCommit(
            Function<List<NewMessage>, List<EnqueueResult>> write, Function<NewMessage, EnqueueResult> writeAgain) {
        this(write, writeAgain, LONGEST_GATHERED);
    }

    SyncGroupCommit(
            Function<List<NewMessage>, List<EnqueueResult>> write,
            Function<NewMessage, EnqueueResult> writeAgain,
            Duration longestGathered) {
        this.write = write;
        this.writeAgain = writeAgain;
        this.longestGathered = longestGathered;
    }

    /** Stores a message; it is durable when this returns. */
    EnqueueResult add(NewMessage row) {
        Waiting own = new Waiting(row);
        if (mayWriteAtOnce(own) || awaitTurn(own)) {
            write(own);
        }
        EnqueueResult enqueued = own.enqueued;
        return enqueued != null ? enqueued : writeAgain.apply(row);
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
     * Until it is to write for all (true), or is written or has left (false). An interrupt does not end it: whether it is written would be unknown. Nor does
     * time, once another writes it.
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

    /** False: its turn has come, or it is in a group that is being written. */
    private boolean leave(Waiting own) {
        synchronized (lock) {
            return own.step == Step.GATHERED && gathered.remove(own);
        }
    }

    /** All that are gathered by now, the caller's own among them. Whatever happens, the next one gets its turn. */
    private void write(Waiting own) {
        List<Waiting> group = own.alone;
        try {
            group = takeGroup();
            List<EnqueueResult> enqueued =
                    write.apply(group.stream().map(Waiting::row).toList());
            for (int i = 0; i < group.size(); i++) {
                group.get(i).enqueued = enqueued.get(i);
            }
        } catch (RuntimeException error) {
            if (group.size() == 1) {
                throw error;
            }
            log.debug("a group of {} messages was not stored; each is stored by itself", group.size(), error);
        } finally { // an Error is this thread's; the others write alone
            try {
                for (Waiting waiting : group) { // first: they may be back before the next one writes
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
            int size = Math.min(gathered.size(), LARGEST_GROUP);
            List<Waiting> group = List.copyOf(gathered.subList(0, size));
            gathered = new ArrayList<>(gathered.subList(size, gathered.size()));
            return group;
        }
    }

    private void passOn(Waiting own) {
        synchronized (lock) {
            gathered.remove(own); // there only if its group could not be taken
            if (gathered.isEmpty()) {
                writing = false;
            } else {
                gathered.get(0).beginTurn();
            }
        }
    }

    private static final class Waiting {
        private final NewMessage row;
        private final Thread thread = Thread.currentThread();
        private final List<Waiting> alone = List.of(this);
        private volatile Step step = Step.GATHERED;
        private @Nullable EnqueueResult enqueued;

        Waiting(NewMessage row) {
            this.row = row;
        }

        NewMessage row() {
            return row;
        }

        void beginTurn() {
            step = Step.TURN;
            LockSupport.unpark(thread);
        }

        /** The thread that waits sees what was set before. */
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
