package io.postroom.api;

/**
 * How a redrive or discard of many dead letters goes on. Immutable: every method returns a changed copy.
 *
 * @param reason why, for the record
 * @param perSecond most dead letters a second, 1 to 1,000,000; default 100
 * @param canary so many are redriven first and waited for, 0 to 1000; default 10; 0: none. A discard has none
 * @param canaryThreshold the redrive stops when more of these die again, 0 to 1000; default 2
 * @throws InvalidMessageException a number is outside its limits
 */
public record BulkSettings(Reason reason, int perSecond, int canary, int canaryThreshold) {
    public BulkSettings {
        Limits.requireRange("perSecond", perSecond, 1, 1_000_000);
        Limits.requireRange("canary", canary, 0, 1000);
        Limits.requireRange("canaryThreshold", canaryThreshold, 0, 1000);
    }

    /** The defaults. */
    public static BulkSettings because(Reason reason) {
        return new BulkSettings(reason, 100, 10, 2);
    }

    public BulkSettings perSecond(int deadLetters) {
        return new BulkSettings(reason, deadLetters, canary, canaryThreshold);
    }

    /** Redrives so many first, and goes on when all of them have ended and at most {@code threshold} died again. */
    public BulkSettings canary(int first, int threshold) {
        return new BulkSettings(reason, perSecond, first, threshold);
    }
}
