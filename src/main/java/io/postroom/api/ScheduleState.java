package io.postroom.api;

/** Where a schedule stands. */
public enum ScheduleState {
    /** It fires at its times. */
    ACTIVE,
    /** An operator paused it. */
    PAUSED,
    /** It fired at the one time it had. */
    ENDED,
    /** It never fires, because its expression or zone cannot be read. Only SQL can declare such a one. */
    FAILED
}
