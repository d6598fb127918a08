package io.postroom.internal.consumer;

import io.postroom.internal.storage.Completion;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The suspects that run in this process, over all its queues. Decides which suspect may begin beside them. Thread-safe.
 *
 * <p>A suspect has its place until its result is committed, not until its handler ends: what stands under a lease when the process dies is
 * counted as a crash. A suspect on its last credit has all places for itself.
 */
final class SuspectPlaces {
    /** What to do when a suspect ends, by its lease. */
    private final Map<Long, Runnable> running = new HashMap<>();

    private int entering;
    private boolean alone;
    /** True while no suspect runs: messages then need no lock. */
    private volatile boolean empty = true;

    /**
     * Takes a place for a suspect that may run beside others. It is given up by {@link #leave} or by the end of what {@link #begin}s.
     *
     * @param most how many suspects may run here then
     */
    synchronized boolean enter(int most) {
        if (alone || taken() >= most) {
            return false;
        }
        entering++;
        return true;
    }

    /** Takes all places for one suspect. */
    synchronized boolean enterAlone() {
        if (taken() > 0) {
            return false;
        }
        entering++;
        alone = true;
        return true;
    }

    /** Gives a place back that no suspect was found for. */
    synchronized void leave() {
        entering--;
        settle();
    }

    /**
     * Puts a suspect on the place that was taken for it, before a thread can see it.
     *
     * @param onEnd run once, when its result was written or its lease was lost
     */
    synchronized void begin(long lease, Runnable onEnd) {
        entering--;
        running.put(lease, onEnd);
        empty = false;
    }

    /** Notes results that were written, or whose lease was lost. */
    void ended(Collection<Completion> ends) {
        if (empty) {
            return;
        }
        List<Runnable> actions = new ArrayList<>();
        synchronized (this) {
            for (Completion end : ends) {
                Runnable action = running.remove(end.message().lease().id());
                if (action != null) {
                    actions.add(action);
                }
            }
            settle();
        }
        actions.forEach(Runnable::run);
    }

    private int taken() {
        return running.size() + entering;
    }

    private void settle() {
        empty = running.isEmpty();
        alone &= taken() > 0;
    }
}
