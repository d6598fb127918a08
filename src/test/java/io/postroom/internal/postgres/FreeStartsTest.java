package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Random;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The arithmetic of limited starts ({@code postroom.free_starts}) at its edges, with a clock of the test's own, in microseconds. */
@PostgresTest
class FreeStartsTest {
    private static final long SECOND = 1_000_000;
    private static final long SLACK = 50_000; // of a second
    private static final long SLICE = 20_000; // of a second

    private final JdbcClient client;
    private int maxStarts = 10;
    private long period = SECOND;
    private String window = "sliding";
    private @Nullable Long slot;
    private Integer[] counts = {};

    FreeStartsTest(DataSource pool) {
        client = JdbcClient.create(pool);
    }

    /** @param nextIn 0: now */
    private record Free(int free, int used, long nextIn, long slot, Integer[] counts) {}

    private Free at(long now) {
        return client.sql("SELECT free, used, next_start, slot, counts FROM postroom.free_starts(?, ?, ?, ?, ?, ?)")
                .params(Arrays.asList(maxStarts, period, window, slot, counts, now))
                .query((row, n) -> new Free(row.getInt(1), row.getInt(2), row.getLong(3), row.getLong(4), (Integer[])
                        row.getArray(5).getArray()))
                .single();
    }

    private void start(long now, int messages) {
        Free free = at(now);
        assertThat(free.free).isGreaterThanOrEqualTo(messages);
        slot = free.slot;
        counts = free.counts;
        counts[0] += messages;
    }

    @Test
    void all_starts_are_free_before_the_first() {
        assertThat(at(1_000 * SECOND).free).isEqualTo(10);
        assertThat(at(1_000 * SECOND).nextIn).isZero();
    }

    @Test
    void a_fixed_window_ends_at_a_multiple_of_the_period() {
        window = "fixed";
        long border = 5_000 * SECOND;
        start(border, 10);
        assertThat(at(border + 1).free).isZero();
        assertThat(at(border + 1).nextIn).isEqualTo(SECOND - 1);
        assertThat(at(border + SECOND - 1).free).isZero();
        assertThat(at(border + SECOND - 1).nextIn).isOne();
        assertThat(at(border + SECOND).free).isEqualTo(10);
    }

    @Test
    void nothing_is_claimed_so_late_in_a_fixed_window_that_it_could_start_in_the_next_one() {
        window = "fixed";
        long end = 5_001 * SECOND;
        assertThat(at(end - SLACK).free).isEqualTo(10);
        assertThat(at(end - SLACK + 1).free).isZero();
        assertThat(at(end - SLACK + 1).nextIn).isEqualTo(SLACK - 1);
    }

    @Test
    void a_start_of_a_sliding_window_counts_for_the_period_its_slack_and_its_slice() {
        maxStarts = 1;
        long border = 5_000 * SECOND; // of a slice, too
        start(border + 1, 1);
        long freeAgain = border + SLICE + SECOND + SLACK;
        assertThat(at(freeAgain - 1).free).isZero();
        assertThat(at(freeAgain - 1).nextIn).isOne();
        assertThat(at(freeAgain).free).isOne();
        assertThat(at(border + 1).nextIn).isEqualTo(freeAgain - border - 1);
    }

    @Test
    void starts_of_a_sliding_window_come_back_slice_by_slice() {
        start(5_000 * SECOND, 4);
        start(5_000 * SECOND + 10 * SLICE, 6);
        long firstBack = 5_000 * SECOND + SLICE + SECOND + SLACK;
        assertThat(at(firstBack).free).isEqualTo(4);
        assertThat(at(firstBack + 10 * SLICE).free).isEqualTo(10);
        maxStarts = 5;
        assertThat(at(firstBack).nextIn)
                .as("a limit that was lowered waits until enough of them are over")
                .isEqualTo(10 * SLICE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"sliding", "fixed"})
    void a_clock_that_was_set_back_credits_no_time_and_stops_nobody_for_long(String kind) {
        window = kind;
        long now = 5_000 * SECOND + 700_000;
        start(now, 10);
        long back = now - 3_600 * SECOND;
        assertThat(at(back).free).isZero();
        assertThat(at(back).nextIn).isBetween(1L, SECOND + SLACK + SLICE);
        slot = at(back).slot;
        counts = at(back).counts;
        assertThat(at(back + SECOND + SLACK + SLICE).free).isEqualTo(10);
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000, 333_333, 34_560_000_000_000L})
    void no_window_of_a_sliding_period_ever_has_more_starts_than_allowed(long length) {
        period = length;
        maxStarts = 7;
        long slack =
                Math.min(Math.max(length / 50, 50_000), Duration.ofSeconds(10).toNanos() / 1000);
        Random random = new Random(length);
        long now = 1_800_000_000L * SECOND + random.nextInt(1_000_000);
        Deque<Long> starts = new ArrayDeque<>();
        int started = 0;
        for (int i = 0; i < 100; i++) {
            Free free = at(now);
            slot = free.slot;
            counts = free.counts;
            int take = Math.min(free.free, 1 + random.nextInt(3));
            counts[0] += take;
            for (int n = 0; n < take; n++) {
                starts.add(now + (long) (random.nextDouble() * slack)); // at any moment until its time is over
                started++;
            }
            long last = now;
            for (long begin : starts) {
                long inPeriod = starts.stream()
                        .filter(at -> at >= begin && at < begin + length)
                        .count();
                if (inPeriod > maxStarts) {
                    throw new AssertionError(inPeriod + " starts in the period from " + begin + " on");
                }
            }
            starts.removeIf(at -> at < last - 2 * length - slack);
            now += free.nextIn > 0 && random.nextBoolean() ? free.nextIn : (long) (random.nextDouble() * length / 5);
        }
        assertThat(started).as("it lets some through").isGreaterThan(30);
    }
}
