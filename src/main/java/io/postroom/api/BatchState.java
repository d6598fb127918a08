package io.postroom.api;

/** Where a batch stands. */
public enum BatchState {
    /** It takes members. */
    OPEN,
    /** It takes no more members; some have not ended. */
    SEALED,
    /** It was cancelled; its waiting members are being cancelled, or some are still in progress. */
    CANCELLED,
    /** All its members and children have ended. */
    COMPLETED
}
