package io.postroom.internal.consumer;

/**
 * Counts the slices that need a thread of a pool, and calls the claimer when it waits for a spare thread. Changed under the pool's lock,
 * read by any thread.
 *
 * <p>The claimer first notes that it waits, and then reads the count. The end of a slice first lowers the count, and then reads the
 * note. So at least one of the two threads reads what the other wrote, and each spare thread is noticed.
 */
final class ThreadDemand {
    private final int most;
    /** Slices that run, and slices that wait for a thread. */
    private volatile int slices;

    private volatile boolean isAwaited;
    private Runnable onSpare = () -> {};

    ThreadDemand(int most) {
        this.most = most;
    }

    /** Sets what is called when a thread is spare and one is awaited; before the first slice. The action must not wait. */
    void onSpare(Runnable action) {
        onSpare = action;
    }

    /** Switches the calls of the action of {@link #onSpare} on or off. Calls it at once if a thread is spare already. */
    void callWhenSpare(boolean isAwaited) {
        this.isAwaited = isAwaited;
        callIfSpare();
    }

    /** Counts a slice. Call with the pool's lock held. */
    void begins() {
        slices++;
    }

    /** Stops counting a slice. Call with the pool's lock held. */
    void ends() {
        slices--;
        callIfSpare();
    }

    private void callIfSpare() {
        if (isAwaited && spare() > 0) {
            onSpare.run();
        }
    }

    int slices() {
        return slices;
    }

    /** Returns how many more slices would soon have a thread of their own; zero or less: none. */
    int spare() {
        return most - slices;
    }
}
