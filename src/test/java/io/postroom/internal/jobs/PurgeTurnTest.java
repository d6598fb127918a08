package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.StoreException;
import io.postroom.internal.storage.MaintenanceStore;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What RemoveQueueMessages asks for, and when it asks for less or again: without a database. */
class PurgeTurnTest {
    private static final Instant NOON = Instant.parse("2026-01-10T12:00:00Z");
    private static final MaintenanceStore.Day HISTORY = day("history", 0, 10, false);

    private final Asked asked = new Asked();
    private final RemoveQueueMessages job = new RemoveQueueMessages(asked, 100);

    @Test
    void batch_that_times_out_is_halved_down_to_fifty_and_no_further() {
        asked.history.add(HISTORY);
        asked.failures = 4;
        job.run();
        assertThat(asked.limits).containsExactly(500, 250, 125, 62, 50);
        asked.limits.clear();
        asked.failures = 10;
        assertThatThrownBy(job::run).isInstanceOf(StoreException.class);
        assertThat(asked.limits).containsExactly(500, 250, 125, 62, 50);
    }

    @Test
    void turn_is_bounded_and_comes_again_soon_when_there_is_more() {
        asked.history.add(HISTORY);
        asked.endless = true;
        assertThat(job.run()).isEqualTo(Duration.ofSeconds(1));
        assertThat(asked.limits).hasSize(200);
        asked.endless = false;
        assertThat(job.run()).isEqualTo(Duration.ofMinutes(2));
    }

    @Test
    void large_day_is_asked_about_once_and_then_left_in_peace_for_a_while() {
        asked.messages.add(day("large", 2, 1000, true));
        asked.needs.add(new MaintenanceStore.Need(2000, 1500, 0));
        job.run();
        job.run();
        assertThat(asked.calls).containsExactly("need large");
    }

    @Test
    void verdict_on_a_large_day_that_lasts_is_remembered() {
        MaintenanceStore.Day large = day("large", 2, 1000, true);
        asked.messages.add(large);
        asked.history.add(HISTORY);
        asked.needs.add(new MaintenanceStore.Need(2000, 1500, 1500));
        job.run();
        job.run();
        assertThat(asked.calls).containsExactly("need large");
        assertThat(asked.spared).containsExactly(List.of(), List.of());
    }

    @Test
    void large_day_in_use_is_spared_and_tried_again_soon() {
        MaintenanceStore.Day large = day("large", 2, 1000, true);
        asked.messages.add(large);
        asked.history.add(HISTORY);
        asked.needs.add(new MaintenanceStore.Need(2000, 0, 0));
        asked.freed.add(MaintenanceStore.Freed.BUSY);
        assertThat(job.run()).isEqualTo(Duration.ofSeconds(15));
        assertThat(asked.calls).containsExactly("need large", "free large");
        assertThat(asked.spared).containsExactly(List.of(large));
    }

    @Test
    void day_in_use_that_another_process_has_freed_is_not_come_back_for() {
        asked.messages.add(day("large", 2, 1000, true));
        asked.history.add(HISTORY);
        asked.needs.add(new MaintenanceStore.Need(2000, 0, 0));
        asked.freed.add(MaintenanceStore.Freed.BUSY);
        assertThat(job.run()).isEqualTo(Duration.ofSeconds(15));
        asked.messages.set(0, day("large", 2, 0, true));
        assertThat(job.run()).isEqualTo(Duration.ofMinutes(2));
    }

    @Test
    void history_is_freed_oldest_first_and_none_is_left_out() {
        asked.history.add(day("oldest", 5, 1000, true));
        asked.history.add(day("small", 4, 10, true));
        asked.history.add(day("middle", 3, 1000, true));
        asked.history.add(day("newest", 2, 1000, true));
        asked.history.add(day("today", 0, 1000, false));
        asked.freed.add(MaintenanceStore.Freed.DONE);
        asked.freed.add(MaintenanceStore.Freed.BUSY);
        job.run();
        assertThat(asked.calls).startsWith("free oldest", "free middle").doesNotContain("free newest", "free today");
    }

    @Test
    void what_a_freed_day_of_history_leaves_in_small_ones_goes_at_once_and_else_daily() {
        asked.history.add(day("small", 3, 10, true));
        asked.history.add(day("empty", 2, 0, true));
        asked.history.add(day("large", 2, 1000, true));
        asked.history.add(day("today", 0, 10, false));
        asked.freed.add(MaintenanceStore.Freed.BUSY);
        job.run();
        assertThat(asked.leftovers).as("the first turn of a process").containsExactly("small");
        job.run();
        assertThat(asked.leftovers).as("nothing was freed").hasSize(1);
        RemoveQueueMessages later = new RemoveQueueMessages(asked, 100);
        asked.freed.add(MaintenanceStore.Freed.BUSY);
        later.run();
        asked.leftovers.clear();
        asked.history.set(2, day("next", 1, 1000, true));
        asked.freed.add(MaintenanceStore.Freed.DONE);
        later.run();
        assertThat(asked.leftovers).containsExactly("small");
    }

    @Test
    void large_day_of_history_is_not_looked_through_while_its_messages_wait_to_be_freed() {
        asked.messages.add(day("large", 2, 1000, true));
        asked.needs.add(new MaintenanceStore.Need(2000, 1500, 0));
        asked.history.add(day("of-small-messages", 3, 1000, true));
        asked.history.add(day("of-large", 2, 1000, true));
        asked.freed.add(MaintenanceStore.Freed.NEEDED);
        job.run();
        assertThat(asked.batches).containsExactly("of-small-messages");
    }

    private static MaintenanceStore.Day day(String name, int daysAgo, long bytes, boolean past) {
        Instant from = NOON.minus(Duration.ofDays(daysAgo));
        return new MaintenanceStore.Day(name, from, from.plus(Duration.ofDays(1)), bytes, past, Duration.ofHours(1));
    }

    /** Answers what it was told to and writes down what it was asked. */
    private static final class Asked implements MaintenanceStore {
        final List<Day> messages = new ArrayList<>();
        final List<Day> history = new ArrayList<>();
        final Deque<Need> needs = new ArrayDeque<>();
        final Deque<Freed> freed = new ArrayDeque<>();
        final List<String> calls = new ArrayList<>();
        final List<String> batches = new ArrayList<>();
        final List<String> leftovers = new ArrayList<>();
        final List<Integer> limits = new ArrayList<>();
        final List<List<Day>> spared = new ArrayList<>();
        int failures;
        boolean endless;

        @Override
        public List<Day> days(Kind kind) {
            return kind == Kind.MESSAGES ? messages : history;
        }

        @Override
        public Need needAtTheEnd(Day day, int rows) {
            calls.add("need " + day.name());
            return needs.remove();
        }

        @Override
        public Freed freeMessages(Day day, int mostKept) {
            calls.add("free " + day.name());
            return freed.remove();
        }

        @Override
        public Freed freeHistory(Day day, int mostKept) {
            return freeMessages(day, mostKept);
        }

        @Override
        public Batch removeBatch(Day history, String after, int limit, List<Day> sparedDays, Duration overdue) {
            limits.add(limit);
            if (failures-- > 0) {
                throw new StoreException("slow", StoreException.Kind.UNAVAILABLE, "57014", new SQLException());
            }
            batches.add(history.name());
            spared.add(List.copyOf(sparedDays));
            return new Batch(endless ? "(1,1)" : null, 0);
        }

        @Override
        public boolean truncateReady(long bytes) {
            return false;
        }

        @Override
        public int removeLeftovers(Day history, int limit) {
            leftovers.add(history.name());
            return 0;
        }

        @Override
        public int removeLostKeys(int limit) {
            return 0;
        }

        @Override
        public int forgetWorkers(Duration endedBefore) {
            return 0;
        }

        @Override
        public int forgetDropped(Duration droppedBefore) {
            return 0;
        }

        @Override
        public int forgetBatches(Duration completedBefore) {
            return 0;
        }

        @Override
        public int makeDaysAhead(Kind kind) {
            throw new AssertionError();
        }

        @Override
        public boolean detachEmptyEnd(Kind kind) {
            throw new AssertionError();
        }

        @Override
        public int foldPastDays(Kind kind, int most, int rows) {
            throw new AssertionError();
        }
    }
}
