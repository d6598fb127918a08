package io.postroom.internal.jobs;

import io.postroom.api.StoreException;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.internal.storage.MaintenanceStore.Batch;
import io.postroom.internal.storage.MaintenanceStore.Day;
import io.postroom.internal.storage.MaintenanceStore.Freed;
import io.postroom.internal.storage.MaintenanceStore.Kind;
import io.postroom.internal.storage.MaintenanceStore.Need;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Purges finished messages when their queue's retention is over. Runs on one node at a time; not thread-safe.
 *
 * <ol>
 *   <li>A large day that is past is freed as a whole once next to nothing in it is needed any more. Until then its messages are spared,
 *       because deleting them one by one costs more. If much of the day will be needed for days to come, its messages leave in batches.
 *       Messages that wait for their day to be freed for {@link #LONGEST_SPARED} leave in batches, too: a day may be as wide as weeks.
 *   <li>A large day of history is freed when the messages it tells of have left.
 *   <li>All others leave in batches, led by their ends in the history.
 *   <li>Lines of history that a freed day left in others go: when one was freed, and daily.
 *   <li>READY is given back to the disk when it is empty. Daily, keys without a message and workers that ended long ago are deleted.
 * </ol>
 *
 * <p>So retention is a lower bound: a busy system keeps a message up to two days longer.
 */
public final class RemoveQueueMessages implements Job {
    private static final Logger log = LoggerFactory.getLogger(RemoveQueueMessages.class);

    /** A day from this size on is freed as a whole: about 100,000 messages without their payloads. */
    public static final long LARGE_DAY = 32L * 1024 * 1024;

    private static final long BLOATED_READY = 16L * 1024 * 1024;
    private static final int MOST_PUT_BACK = 500;
    private static final int LAST_OF_DAY = 2_000;
    private static final int LARGEST_BATCH = 500;
    private static final int SMALLEST_BATCH = 50;
    private static final int BATCHES_PER_RUN = 200;
    private static final Duration INTERVAL = Duration.ofMinutes(2);
    private static final Duration MORE = Duration.ofSeconds(1);
    private static final Duration TRY_AGAIN = Duration.ofSeconds(15);
    private static final Duration LOOK_AGAIN = Duration.ofMinutes(30);
    /** With {@link #LOOK_AGAIN}, this keeps the promise of two days. */
    static final Duration LONGEST_SPARED = Duration.ofHours(47);

    private static final int LEFTOVERS_AT_ONCE = 5_000;
    /** How long rows of dropped messages are kept. */
    private static final Duration DROPPED_FOR = Duration.ofDays(7);

    /** How long completed batches are kept. */
    private static final Duration BATCHES_FOR = Duration.ofDays(7);

    private static final Duration DAILY = Duration.ofDays(1);

    private final MaintenanceStore maintenance;
    private final long largeDay;
    private final Map<String, Verdict> verdicts = new HashMap<>();
    private final Map<String, Place> places = new HashMap<>();
    private long dailyDueNanos = System.nanoTime();
    private boolean leftoversDue;

    public RemoveQueueMessages(MaintenanceStore maintenance) {
        this(maintenance, LARGE_DAY);
    }

    /** @param largeDay bytes from which on a day is freed as a whole */
    public RemoveQueueMessages(MaintenanceStore maintenance, long largeDay) {
        this.maintenance = maintenance;
        this.largeDay = largeDay;
    }

    @Override
    public String name() {
        return "RemoveQueueMessages";
    }

    @Override
    public Duration firstWait() {
        return UPKEEP_BEGINS_AFTER;
    }

    /** Does one turn. The next turn comes soon when more is left than one turn removes, or a day was in use. */
    @Override
    public Duration run() {
        List<Day> spared = new ArrayList<>();
        boolean lasting = false;
        for (Day day : maintenance.days(Kind.MESSAGES)) {
            if (isLarge(day)) {
                Freed freed = day.past() ? freeMessages(day) : Freed.NEEDED;
                lasting |= freed == Freed.LASTING;
                if (freed != Freed.LASTING && freed != Freed.DONE) {
                    spared.add(day);
                }
            }
        }
        boolean freedHistory = freeHistory();
        boolean more = removeOneByOne(spared, lasting);
        maintenance.truncateReady(BLOATED_READY);
        boolean daily = System.nanoTime() - dailyDueNanos >= 0;
        if (daily) {
            dailyDueNanos = System.nanoTime() + DAILY.toNanos(); // also when the rest of this turn fails
        }
        leftoversDue |= freedHistory || daily;
        leftoversDue = leftoversDue && !removeLeftovers();
        if (daily) {
            int keys = maintenance.removeLostKeys(LEFTOVERS_AT_ONCE);
            int workers = maintenance.forgetWorkers(DAILY);
            int dropped = maintenance.forgetDropped(DROPPED_FOR);
            int batches = maintenance.forgetBatches(BATCHES_FOR);
            log.debug(
                    "removed {} keys without a message, forgot {} workers, {} dropped messages and {} batches",
                    keys,
                    workers,
                    dropped,
                    batches);
        }
        if (more) {
            return MORE;
        }
        return verdicts.values().stream().anyMatch(verdict -> verdict.freed == Freed.BUSY) ? TRY_AGAIN : INTERVAL;
    }

    /** Forgets the verdict on a day that is not large any more: another process may have freed it while it was in use here. */
    private boolean isLarge(Day day) {
        boolean isLarge = day.bytes() >= largeDay;
        if (!isLarge) {
            verdicts.remove(day.name());
        }
        return isLarge;
    }

    private Freed freeMessages(Day day) {
        Verdict before = verdicts.get(day.name());
        if (before != null && before.holds()) {
            return before.freed;
        }
        Need need = maintenance.needAtTheEnd(day, LAST_OF_DAY);
        if (need.lasting() * 2 > need.looked()) {
            return remember(day, Freed.LASTING);
        }
        if (need.needed() * 2 > need.looked()) {
            return remember(day, Freed.NEEDED);
        }
        return remember(day, tried(day, () -> maintenance.freeMessages(day, MOST_PUT_BACK)));
    }

    /** A day that cannot be freed in time must not keep the small ones from being purged. */
    private static Freed tried(Day day, Supplier<Freed> free) {
        try {
            return free.get();
        } catch (StoreException error) {
            if (!error.mayPass()) {
                throw error;
            }
            log.info("{} is not freed now: {}", day.name(), error.getMessage());
            return Freed.BUSY;
        }
    }

    /**
     * Frees large days of history, oldest first and without leaving one out, so that no line of a message outlives the line of its end.
     * Lines that a small day between them keeps are removed by {@link #removeLeftovers}.
     *
     * @return whether a day was freed
     */
    private boolean freeHistory() {
        boolean any = false;
        for (Day day : maintenance.days(Kind.HISTORY)) {
            if (!isLarge(day) || !day.past()) {
                continue;
            }
            Verdict before = verdicts.get(day.name());
            Freed freed = before != null && before.holds()
                    ? before.freed
                    : remember(day, tried(day, () -> maintenance.freeHistory(day, MOST_PUT_BACK)));
            if (freed != Freed.DONE) {
                return any;
            }
            any = true;
        }
        return any;
    }

    /** Returns whether no leftovers remain. */
    private boolean removeLeftovers() {
        boolean through = true;
        for (Day day : maintenance.days(Kind.HISTORY)) {
            if (day.past() && day.bytes() > 0 && day.bytes() < largeDay) {
                through &= removeLeftovers(day);
            }
        }
        return through;
    }

    private boolean removeLeftovers(Day day) {
        try {
            return maintenance.removeLeftovers(day, LEFTOVERS_AT_ONCE) < LEFTOVERS_AT_ONCE;
        } catch (StoreException error) {
            if (!error.mayPass()) {
                throw error;
            }
            log.info("what is left over in {} stays for now: {}", day.name(), error.getMessage());
            return false;
        }
    }

    /** Returns whether there may be more. */
    private boolean removeOneByOne(List<Day> spared, boolean lasting) {
        Batches batches = new Batches(spared);
        for (Day day : maintenance.days(Kind.HISTORY)) {
            if (day.bytes() == 0 || day.overdue().isNegative()) {
                continue;
            }
            if (day.bytes() < largeDay) {
                batches.remove(day, Batch.START);
            } else if (isWorthLookingThrough(day, spared, lasting)) {
                Place place = places.getOrDefault(day.name(), Place.START);
                if (place.isDue()) {
                    String last = batches.remove(day, place.after);
                    places.put(
                            day.name(), last == null ? Place.startIn(LOOK_AGAIN) : new Place(last, System.nanoTime()));
                }
            }
        }
        log.debug("removed {} messages one by one", batches.removed);
        return batches.left == 0;
    }

    /**
     * A large day of history tells mostly of messages of the same days. While those wait to be freed as a whole, there is nothing to find
     * in it until they have waited for too long.
     */
    private static boolean isWorthLookingThrough(Day history, List<Day> spared, boolean lasting) {
        return lasting
                || history.overdue().compareTo(LONGEST_SPARED) >= 0
                || spared.stream()
                        .noneMatch(day -> day.from().isBefore(history.to())
                                && history.from().isBefore(day.to()));
    }

    /** The batches of one turn: so many at most, and smaller ones after a slow moment. */
    private final class Batches {
        final List<Day> spared;
        int left = BATCHES_PER_RUN;
        int limit = LARGEST_BATCH;
        long removed;

        Batches(List<Day> spared) {
            this.spared = spared;
        }

        /** Returns the place where the day is to be gone on with; null if it is done. */
        @Nullable
        String remove(Day day, String from) {
            String after = from;
            for (; after != null && left > 0; left--) {
                try {
                    Batch batch = maintenance.removeBatch(day, after, limit, spared, LONGEST_SPARED);
                    removed += batch.removed();
                    after = batch.last();
                } catch (StoreException error) {
                    if (!error.mayPass() || limit == SMALLEST_BATCH) {
                        throw error;
                    }
                    limit = Math.max(SMALLEST_BATCH, limit / 2); // a slow moment: ask for less
                }
            }
            return after;
        }
    }

    private Freed remember(Day day, Freed freed) {
        Duration holdsFor = switch (freed) {
            case DONE -> Duration.ZERO;
            case BUSY -> TRY_AGAIN;
            case NEEDED, LASTING -> LOOK_AGAIN;
        };
        verdicts.put(day.name(), new Verdict(freed, System.nanoTime() + holdsFor.toNanos()));
        if (freed == Freed.DONE) {
            log.info("freed {}", day.name());
        }
        return freed;
    }

    /** What was found out about a large day. To find it out again costs a look through the whole day. */
    private record Verdict(Freed freed, long untilNanos) {
        boolean holds() {
            return System.nanoTime() - untilNanos < 0;
        }
    }

    /** How far a large day of history has been looked through, and when to go on. */
    private record Place(String after, long dueNanos) {
        static final Place START = new Place(Batch.START, System.nanoTime());

        static Place startIn(Duration wait) {
            return new Place(Batch.START, System.nanoTime() + wait.toNanos());
        }

        boolean isDue() {
            return System.nanoTime() - dueNanos >= 0;
        }
    }
}
