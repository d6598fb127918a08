package io.postroom.api;

/** What a schedule does at a planned time while its last message waits or is in progress. A dead letter is finished. */
public enum Overlap {
    /** Creates the next message, which waits in its queue like any other. The default. */
    QUEUE,
    /** Leaves this run out. The history has it as {@link ScheduleRun.Outcome#SKIPPED}. */
    SKIP,
    /**
     * Creates the next message and cancels the older one, also while it is in progress. One whose ATOMIC handler runs is left alone,
     * because its transaction cannot be taken away.
     */
    CANCEL
}
