package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.PostgresTest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The arithmetic of limited starts ({@code postroom.count_starts} and its sisters), with a clock of the test's own, in microseconds. */
@PostgresTest
class CountStartsTest {
    private static final long SECOND = 1_000_000;
    private static final long START_TIME = 300_000; // of a second
    private static final long GUARD = 50_000; // of a second
    private static final long AHEAD = 25_000; // of a second
    private static final long SLICE = 2_500; // of a second

    private final JdbcClient client;
    private int maxStarts = 10;
    private long period = SECOND;
    private String window = "sliding";
    private Long[] until = {};
    private Integer[] booked = {};

    CountStartsTest(DataSource pool) {
        client = JdbcClient.create(pool);
    }

    /** @param nextIn 0: now */
    private record Free(int free, long nextIn, Long[] until, Integer[] booked) {}

    private Free at(long now) {
        return client.sql("""
                        SELECT ? - c.used, postroom.next_start(?, ?, ?, c.until, c.booked, ?, 1), c.until, c.booked
                        FROM postroom.count_starts(?, ?, ?, ?, ?) c
                        """)
                .params(maxStarts, maxStarts, period, window, now, period, window, until, booked, now)
                .query((row, n) -> new Free(
                        row.getInt(1), row.getLong(2), (Long[]) row.getArray(3).getArray(), (Integer[])
                                row.getArray(4).getArray()))
                .single();
    }

    private long number(String sql, Object... parameters) {
        return client.sql(sql).params(parameters).query(Long.class).single();
    }

    /** Books starts as a claim does. They may happen until the moment that is returned. */
    private long book(long now, int messages) {
        Free free = at(now);
        assertThat(free.free).isGreaterThanOrEqualTo(messages);
        return book(free, now, messages);
    }

    private long book(Free free, long now, int messages) {
        long deadline = now + number("SELECT postroom.start_time(?)", period);
        until = Arrays.copyOf(free.until, free.until.length + 1);
        until[until.length - 1] = number("SELECT postroom.start_slice(?, ?, ?)", period, window, deadline);
        booked = Arrays.copyOf(free.booked, free.booked.length + 1);
        booked[booked.length - 1] = messages;
        return deadline;
    }

    /** When the next starts are free, those that a claim may take now. */
    private Long[] freeStarts(Free free, long now, int most) {
        return client.sql("SELECT postroom.free_starts(?, ?, ?, ?, ?, ? + postroom.start_ahead(?), ?)")
                .params(maxStarts, period, free.until, free.booked, now, now, period, most)
                .query((row, n) -> (Long[]) row.getArray(1).getArray())
                .single();
    }

    private void report(long deadline, @Nullable Long started, int messages) {
        Free moved = client.sql("SELECT m.until, m.booked FROM postroom.move_starts(?, ?, ?, ?, ?, ?, ?) m")
                .params(period, window, until, booked, new Long[] {deadline}, new Long[] {started}, new Integer[] {
                    messages
                })
                .query((row, n) -> new Free(0, 0, (Long[]) row.getArray(1).getArray(), (Integer[])
                        row.getArray(2).getArray()))
                .single();
        until = moved.until;
        booked = moved.booked;
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
        book(border + 1, 10);
        assertThat(at(border + 1).free).isZero();
        assertThat(at(border + 1).nextIn).isEqualTo(SECOND - 1);
        assertThat(at(border + SECOND - 1).free).isZero();
        assertThat(at(border + SECOND - 1).nextIn).isOne();
        assertThat(at(border + SECOND).free).isEqualTo(10);
    }

    @Test
    void nothing_starts_so_late_in_a_fixed_window_that_it_could_come_into_the_next_one() {
        window = "fixed";
        long end = 5_001 * SECOND;
        assertThat(at(end - 2 * GUARD).nextIn).isZero();
        assertThat(at(end - 2 * GUARD + 1).nextIn).isEqualTo(2 * GUARD - 1);
        assertThat(at(end).nextIn).as("the next one").isZero();
    }

    @Test
    void a_booking_counts_until_its_last_moment_is_one_period_old() {
        maxStarts = 1;
        long now = 5_000 * SECOND; // a border of slices, as is the end of the booking
        book(now, 1);
        long freeAgain = now + START_TIME + SECOND;
        assertThat(at(freeAgain - 1).free).isZero();
        assertThat(at(freeAgain - 1).nextIn).isOne();
        assertThat(at(freeAgain).free).isOne();
        assertThat(at(now).nextIn).isEqualTo(freeAgain - now);
    }

    @Test
    void a_start_that_is_reported_counts_until_its_slice_is_one_period_old() {
        maxStarts = 2;
        long now = 5_000 * SECOND;
        long deadline = book(now, 2);
        report(deadline, now + 1, 1);
        assertThat(at(now + SECOND + SLICE - 1).free).isZero();
        assertThat(at(now + SECOND + SLICE).free).isOne();
        report(deadline, null, 1);
        assertThat(at(now).free).as("one will never start").isOne();
        report(deadline, null, 1);
        assertThat(at(now).free).as("no more than were booked").isOne();
    }

    @Test
    void starts_come_back_slice_by_slice() {
        book(5_000 * SECOND, 4);
        book(5_000 * SECOND + 10 * SLICE, 6);
        long firstBack = 5_000 * SECOND + START_TIME + SECOND;
        assertThat(at(firstBack).free).isEqualTo(4);
        assertThat(at(firstBack + 10 * SLICE).free).isEqualTo(10);
        maxStarts = 5;
        assertThat(at(firstBack).nextIn)
                .as("a limit that was lowered waits until enough of them are over")
                .isEqualTo(10 * SLICE);
    }

    @Test
    void a_claim_waits_a_little_for_several_starts() {
        book(5_000 * SECOND, 1);
        book(5_000 * SECOND + SLICE, 1);
        book(5_000 * SECOND + 20 * SLICE, 8);
        Free free = at(5_000 * SECOND + 20 * SLICE);
        String next = "SELECT postroom.next_start(10, ?, 'sliding', ?, ?, ?, ?)";
        long first = number(next, period, free.until, free.booked, 5_000 * SECOND, 1);
        assertThat(first).isEqualTo(START_TIME + SECOND);
        assertThat(number(next, period, free.until, free.booked, 5_000 * SECOND, 2))
                .isEqualTo(first + SLICE);
        assertThat(number(next, period, free.until, free.booked, 5_000 * SECOND, 3))
                .as("a two-hundredth of the period at most")
                .isEqualTo(first + 2 * SLICE);
    }

    @Test
    void a_claim_takes_what_is_free_soon_from_the_moment_on_at_which_it_is() {
        maxStarts = 4;
        book(5_000 * SECOND, 2);
        book(5_000 * SECOND + 4 * SLICE, 1);
        book(5_000 * SECOND + 11 * SLICE, 1);
        long first = 5_000 * SECOND + START_TIME + SECOND;
        Free free = at(5_000 * SECOND + 11 * SLICE);
        assertThat(freeStarts(free, first - AHEAD - 1, 10)).isEmpty();
        assertThat(freeStarts(free, first - AHEAD, 10)).containsExactly(first, first);
        assertThat(freeStarts(free, first - AHEAD, 1)).containsExactly(first);
        assertThat(freeStarts(free, first - SLICE, 10)).containsExactly(first, first, first + 4 * SLICE);
        assertThat(freeStarts(at(first), first, 10)).containsExactly(first, first, first + 4 * SLICE);
        maxStarts = 3;
        assertThat(freeStarts(free, first - SLICE, 10))
                .as("a limit that was lowered")
                .containsExactly(first, first + 4 * SLICE);
    }

    @Test
    void a_claim_that_may_take_what_is_free_soon_comes_earlier_and_waits_longer_for_several() {
        book(5_000 * SECOND, 1);
        book(5_000 * SECOND + 4 * SLICE, 1);
        book(5_000 * SECOND + 20 * SLICE, 8);
        Free free = at(5_000 * SECOND + 20 * SLICE);
        String next = "SELECT postroom.next_start(10, ?, 'sliding', ?, ?, ?, ?, ?)";
        long first = START_TIME + SECOND;
        assertThat(number(next, period, free.until, free.booked, 5_000 * SECOND, 2, AHEAD))
                .isEqualTo(first + 4 * SLICE - AHEAD);
        assertThat(number(next, period, free.until, free.booked, 5_000 * SECOND, 3, AHEAD))
                .as("half of the time at most")
                .isEqualTo(first - AHEAD / 2);
        assertThat(number(next, period, free.until, free.booked, 5_000 * SECOND + first - AHEAD / 2, 1, AHEAD))
                .as("never the answer for a start that is free")
                .isOne();
    }

    @ParameterizedTest
    @ValueSource(strings = {"sliding", "fixed"})
    void a_clock_that_was_set_back_credits_no_time_and_stops_nobody_for_long(String kind) {
        window = kind;
        long now = 5_000 * SECOND + 500_000;
        book(now, 10);
        long back = now - 3_600 * SECOND;
        Free afterwards = at(back);
        assertThat(afterwards.free).isZero();
        assertThat(afterwards.nextIn).isBetween(1L, 3 * SECOND);
        until = afterwards.until;
        booked = afterwards.booked;
        assertThat(at(back + 3 * SECOND).free).isEqualTo(10);
    }

    private record Start(long deadline, @Nullable Long at) {}

    /**
     * Each start happens at any moment of its booking or never, and is reported at any moment after that or never. Where claims take what
     * is free soon, it happens at the first moment that is allowed, or later.
     */
    @ParameterizedTest
    @CsvSource({
        "100000, false",
        "100000, true",
        "333333, false",
        "333333, true",
        "1000000, false",
        "1000000, true",
        "34560000000000, true"
    })
    void no_window_of_a_sliding_period_ever_has_more_starts_than_allowed(long length, boolean ahead) {
        period = length;
        maxStarts = 7;
        Random random = new Random(length);
        long now = 1_800_000_000L * SECOND + random.nextInt(1_000_000);
        Deque<Long> starts = new ArrayDeque<>();
        List<Start> unreported = new ArrayList<>();
        int started = 0;
        for (int i = 0; i < 100; i++) {
            for (Start start : List.copyOf(unreported)) {
                if (start.at != null && start.at <= now && random.nextInt(3) > 0) {
                    report(start.deadline, start.at, 1);
                    unreported.remove(start);
                } else if (start.at == null && start.deadline < now) {
                    report(start.deadline, null, 1);
                    unreported.remove(start);
                }
            }
            Free free = at(now);
            Long[] from = freeStarts(free, now, 1 + random.nextInt(3));
            int take = ahead ? from.length : Math.min(free.free, from.length);
            long deadline = take == 0 ? 0 : book(free, now, take);
            for (int n = 0; n < take; n++) {
                boolean happens = random.nextInt(5) > 0;
                double part = random.nextBoolean() ? 0 : random.nextDouble();
                Long moment = happens ? Long.valueOf(from[n] + (long) (part * (deadline - from[n]))) : null;
                unreported.add(new Start(deadline, moment));
                if (moment != null) {
                    starts.add(moment);
                    started++;
                }
            }
            for (long begin : starts) {
                long inPeriod = starts.stream()
                        .filter(at -> at >= begin && at < begin + length)
                        .count();
                assertThat(inPeriod)
                        .as("starts in the period from %s on", begin)
                        .isLessThanOrEqualTo(maxStarts);
            }
            long last = now;
            starts.removeIf(at -> at < last - 2 * length - 2 * SECOND);
            long early = ahead ? random.nextInt(25_000) : 0;
            now += free.nextIn > 0 && random.nextBoolean()
                    ? Math.max(1, free.nextIn - early)
                    : (long) (random.nextDouble() * length / 5);
        }
        assertThat(started).as("it lets some through").isGreaterThan(30);
    }
}
