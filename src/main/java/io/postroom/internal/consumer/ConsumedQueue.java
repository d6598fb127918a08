package io.postroom.internal.consumer;

import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.QueueReport;

/** A queue that this process consumes: where its next messages are, and what the last poll reported. Thread-safe. */
public final class ConsumedQueue {
    private final HandledQueue handled;
    private final LaneCursors cursors;
    /** True until the first poll has answered: a pause must hold from the first message on. */
    private volatile boolean paused = true;

    private int timesHeldBack;
    /** {@link #timesHeldBack} before the poll that last reported; -1: none has. */
    private int reportedAfter = -1;

    private volatile boolean stopped;

    private volatile boolean limiter;
    private volatile boolean suspects;
    private volatile boolean elsewhere = true;

    public ConsumedQueue(HandledQueue handled) {
        this.handled = handled;
        this.cursors = new LaneCursors(handled.id(), handled.name());
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

    /** Whether the queue is paused or deleted, as of the last poll or of {@link #holdBack}. */
    public boolean isPaused() {
        return paused;
    }

    /** Whether the consumer of this process is told to stop, as of the last poll. */
    public boolean isStopped() {
        return stopped;
    }

    /** Whether the messages of a group run one after the other, as of the last poll. */
    boolean isOrdered() {
        return cursors.isOrdered();
    }

    /** Whether the groups of messages take turns, as of the last poll. */
    boolean isFair() {
        return cursors.isFair();
    }

    /** Whether little is held ahead of the threads: others could start what waits here, or messages that come later go before it. */
    public boolean holdsLittle() {
        return limiter || cursors.isFair();
    }

    /** Whether the queue has a limiter or a destination, as of the last poll. Little of it is held ahead of the threads then. */
    public boolean hasLimiter() {
        return limiter;
    }

    /** Notes whether the queue has a limiter or a destination. It holds from the next claim on. */
    public void setLimiter(boolean given) {
        limiter = given;
    }

    /** Whether suspects wait, as of the last poll. */
    boolean hasSuspects() {
        return suspects;
    }

    /** Notes that a claim or a poll found no suspect; the next poll may report one again. */
    public void noSuspects() {
        suspects = false;
    }

    /** Whether other processes consume the queue too, as of the last poll. */
    public boolean isConsumedElsewhere() {
        return elsewhere;
    }

    /** Pauses the queue here, until a poll that begins after this call reports something else. */
    public synchronized void holdBack() {
        timesHeldBack++;
        paused = true;
    }

    /** Returns how often {@link #holdBack} was called; to be read before a poll and passed to {@link #reported}. */
    public synchronized int timesHeldBack() {
        return timesHeldBack;
    }

    /** Whether no poll has reported the queue since it was last held back. The next poll has to, whether or not the queue was changed. */
    public synchronized boolean isUnreported() {
        return reportedAfter != timesHeldBack;
    }

    /** Notes whether other processes consume the queue too. */
    public void consumedElsewhere(boolean elsewhere) {
        this.elsewhere = elsewhere;
    }

    /**
     * Takes over what a poll reported.
     *
     * @param heldBackBefore {@link #timesHeldBack} before the poll: one that began before {@link #holdBack} does not end the pause
     */
    public void reported(QueueReport report, int heldBackBefore) {
        stopped = report.stop() != QueueReport.Stop.NONE; // before the first report ends the pause below
        synchronized (this) {
            reportedAfter = heldBackBefore;
            if (report.paused() || report.deleted() || timesHeldBack == heldBackBefore) {
                paused = report.paused() || report.deleted();
            }
        }
        cursors.setOrdered(report.ordered());
        cursors.setFair(report.fair());
        limiter = report.hasLimiter();
        suspects = report.suspects();
        elsewhere = report.elsewhere();
        handled.reported(report);
    }
}
