package io.postroom.internal.consumer;

import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.QueueReport;

/** A queue this process consumes: where its next messages are, and what the last poll said of it. Thread-safe. */
public final class ConsumedQueue {
    private final HandledQueue handled;
    private final LaneCursors cursors;
    /** True until the first poll has answered: a pause must hold from the first message on. */
    private volatile boolean paused = true;

    private int timesHeldBack;

    private volatile boolean suspects;
    private volatile boolean elsewhere = true;

    public ConsumedQueue(HandledQueue handled) {
        this.handled = handled;
        this.cursors = new LaneCursors(handled.id());
    }

    public HandledQueue handled() {
        return handled;
    }

    public int id() {
        return handled.id();
    }

    public String name() {
        return handled.name();
    }

    public LaneCursors cursors() {
        return cursors;
    }

    public boolean isPaused() {
        return paused;
    }

    /** Whether messages wait whose worker died while it held them, as of the last poll. */
    boolean hasSuspects() {
        return suspects;
    }

    void noSuspects() {
        suspects = false;
    }

    /** Whether other processes consume it too, as of the last poll. */
    public boolean isConsumedElsewhere() {
        return elsewhere;
    }

    /** Takes nothing more until a poll that begins after this says otherwise. */
    public synchronized void holdBack() {
        timesHeldBack++;
        paused = true;
    }

    /** To be read before a poll. */
    public synchronized int timesHeldBack() {
        return timesHeldBack;
    }

    /** @param heldBackBefore a poll that began before the queue was held back here does not let it go */
    public void reported(QueueReport report, int heldBackBefore) {
        synchronized (this) {
            if (report.paused() || report.deleted() || timesHeldBack == heldBackBefore) {
                paused = report.paused() || report.deleted();
            }
        }
        suspects = report.suspects();
        elsewhere = report.elsewhere();
        handled.reported(report);
    }
}
