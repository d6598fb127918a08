package io.postroom.internal.worker;

import io.postroom.internal.storage.Upkeep;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What the worker tells the jobs, and asks of them. Its polls know when there is work for them; without that they would have to look often.
 * Implemented where all is wired. Thread-safe.
 */
public interface DueWatch {
    /** Returns the instant from which delayed messages must be looked at, by their due times; null: look at all. */
    @Nullable
    Instant from();

    /** Takes the time after which the next delayed message is due; zero: now. */
    void nextDueIn(Duration wait);

    /** Takes the time after which a schedule is due; zero: now; null: none will be. */
    void nextScheduleIn(@Nullable Duration wait);

    /** Notes that this process delayed messages, so the next due time may be earlier than the known one. */
    void delayed();

    /** Notes that batches are under way, in whichever process they were created. */
    void batchesUnderWay();

    /** Takes which other jobs are needed. Each poll that succeeds says so. */
    void upkeep(Upkeep upkeep);
}
