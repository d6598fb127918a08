package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Content;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LaneCursorsTest {
    private final LaneCursors cursors = new LaneCursors(7, "mail");

    @Test
    void nothing_is_asked_for_before_something_came() {
        assertThat(cursors.mayHaveWork()).isFalse();
        cursors.arrived(4, 12);
        assertThat(cursors.mayHaveWork()).isTrue();
    }

    @Test
    void cursor_moves_behind_what_was_taken() {
        cursors.arrived(4, 10);
        claim(100, message(4, 20));
        cursors.arrived(4, 30);
        assertThat(cursors.request(1, 100, 200, 0).cursors()).containsExactly(21);
    }

    @Test
    void late_commit_below_the_cursor_lowers_it() {
        cursors.arrived(4, 10);
        claim(100, message(4, 20));
        cursors.arrived(4, 15);
        assertThat(cursors.request(1, 100, 200, 0).cursors()).containsExactly(15);
    }

    @Test
    void late_commit_during_a_claim_is_not_stepped_over() {
        cursors.arrived(4, 10);
        ClaimRequest request = cursors.request(1, 100, 200, 0);
        cursors.arrived(4, 15); // committed after the claim's snapshot
        cursors.claimed(request, List.of(message(4, 20)));
        assertThat(cursors.mayHaveWork()).isTrue();
        assertThat(cursors.request(1, 100, 200, 0).cursors()).containsExactly(15);
    }

    @Test
    void full_claim_asks_again_and_short_one_does_not() {
        cursors.arrived(4, 1);
        claim(2, message(4, 1), message(4, 2));
        assertThat(cursors.mayHaveWork()).isTrue();
        claim(2, message(4, 3));
        assertThat(cursors.mayHaveWork()).isFalse();
    }

    @Test
    void failed_claim_asks_again() {
        cursors.arrived(4, 1);
        ClaimRequest request = cursors.request(1, 2, 200, 0);
        cursors.failed(request);
        assertThat(cursors.mayHaveWork()).isTrue();
    }

    @Test
    void high_lanes_come_first_and_low_ones_now_and_then() {
        List<Integer> first = IntStream.range(0, 32)
                .mapToObj(i -> {
                    cursors.arrived(9, 1);
                    cursors.arrived(0, 1);
                    return (int) cursors.request(1, 10, 200, 0).priorities()[0];
                })
                .collect(Collectors.toList());
        assertThat(first).contains(0, 9);
        assertThat(first.stream().filter(priority -> priority == 9).count()).isGreaterThan(25);
    }

    @Test
    void low_watermark_stays_at_the_lowest_row_that_waits() {
        long[] lowest = nothing();
        lowest[4] = 50;
        cursors.raiseLowWatermarks(100, lowest);
        assertThat(cursors.lowWatermark(4)).isEqualTo(50);
        assertThat(cursors.lowWatermark(5)).isEqualTo(100);
    }

    @Test
    void poll_lowers_the_cursor_to_what_it_saw() {
        cursors.arrived(4, 10);
        claim(100, message(4, 500));
        long[] lowest = nothing();
        lowest[4] = 90; // a claim that rolled back
        assertThat(cursors.polled(lowest)).isTrue();
        assertThat(cursors.request(1, 100, 200, 0).cursors()).containsExactly(90);
    }

    @Test
    void reset_forgets_cursors_and_low_watermarks() {
        cursors.arrived(4, 10);
        claim(100, message(4, 500));
        cursors.raiseLowWatermarks(400, nothing());
        cursors.reset();
        cursors.arrived(4, 3);
        assertThat(cursors.lowWatermark(4)).isZero();
        assertThat(cursors.request(1, 100, 200, 0).cursors()).containsExactly(0);
    }

    @Test
    void low_watermark_never_falls_before_a_reset() {
        cursors.raiseLowWatermarks(100, nothing());
        long[] lowest = nothing();
        lowest[4] = 20; // came below: a claim that rolled back

        cursors.raiseLowWatermarks(200, lowest);

        assertThat(cursors.lowWatermark(4)).isEqualTo(100);
        assertThat(cursors.lowWatermark(5)).isEqualTo(200);
    }

    @Test
    void low_watermarks_are_worth_raising_when_a_claim_went_past_them() {
        assertThat(cursors.isAheadOf(0)).isFalse();
        cursors.arrived(4, 10);
        claim(100, message(4, 20)); // the cursor stands at 21

        assertThat(cursors.isAheadOf(19)).isTrue();
        assertThat(cursors.isAheadOf(20)).isFalse();
    }

    @Test
    void messages_wait_while_a_lane_may_be_filled_or_a_claim_of_many_is_under_way() {
        assertThat(cursors.hasWaiting()).isFalse();
        cursors.arrived(4, 1);
        assertThat(cursors.hasWaiting()).isTrue();

        ClaimRequest shallow = cursors.request(1, 2, 200, 0);
        assertThat(cursors.hasWaiting()).isFalse();
        cursors.claimed(shallow, List.of(message(4, 1), message(4, 2)));
        assertThat(cursors.hasWaiting()).isTrue();

        ClaimRequest deep = cursors.request(1, 2, 200, 0);
        assertThat(cursors.hasWaiting()).isTrue();
        cursors.claimed(deep, List.of(message(4, 3)));
        assertThat(cursors.hasWaiting()).isFalse();
    }

    @Test
    void failed_claim_of_many_leaves_its_lanes_waiting() {
        cursors.arrived(4, 1);
        cursors.arrived(9, 1);
        cursors.failed(cursors.request(1, 2, 200, 0));

        assertThat(cursors.hasWaiting()).isTrue();
        assertThat(cursors.request(1, 2, 200, 0).priorities()).containsExactly(9, 4);
    }

    @Test
    void poll_that_saw_nothing_leaves_the_cursors() {
        cursors.arrived(4, 10);
        claim(100, message(4, 500));

        assertThat(cursors.polled(nothing())).isFalse();
        assertThat(cursors.mayHaveWork()).isFalse();
        cursors.arrived(4, 600);
        assertThat(cursors.request(1, 100, 200, 0).cursors()).containsExactly(501);
    }

    @Test
    void reset_during_a_claim_is_not_undone_by_its_answer() {
        cursors.arrived(4, 10);
        ClaimRequest request = cursors.request(1, 100, 200, 0);
        cursors.reset(); // another server, whose numbers are lower
        cursors.claimed(request, List.of(message(4, 500)));
        cursors.arrived(4, 3);

        assertThat(cursors.request(1, 100, 200, 0).cursors()).containsExactly(0);
    }

    @Test
    void each_sixteenth_claim_takes_the_lanes_from_low_to_high() {
        for (int claim = 1; claim <= 2 * LaneCursors.LOW_FIRST_EVERY; claim++) {
            cursors.arrived(9, 1);
            cursors.arrived(4, 1);
            cursors.arrived(0, 1);
            short[] priorities = cursors.request(1, 10, 200, 0).priorities();
            if (claim % LaneCursors.LOW_FIRST_EVERY == 0) {
                assertThat(priorities).containsExactly(0, 4, 9);
            } else {
                assertThat(priorities).containsExactly(9, 4, 0);
            }
        }
    }

    @Test
    void claim_of_an_ordered_queue_looks_at_all_lanes_from_the_low_watermarks_on() {
        cursors.setOrdered(true);
        cursors.raiseLowWatermarks(5, nothing());
        cursors.arrived(4, 10);
        claim(100, message(4, 20));
        assertThat(cursors.mayHaveWork()).isFalse();
        cursors.arrived(2, 30);
        ClaimRequest request = cursors.requestOfOneLane(1, 100, 200, 0);
        assertThat(request.ordered()).isTrue();
        assertThat(request.priorities()).containsExactly(9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        assertThat(request.cursors()).containsOnly(5);
        assertThat(cursors.mayHaveWork()).isFalse();
        cursors.failed(request);
        assertThat(cursors.mayHaveWork()).isTrue();
    }

    private void claim(int limit, ClaimedMessage... messages) {
        ClaimRequest request = cursors.request(1, limit, 200, 0);
        cursors.claimed(request, List.of(messages));
    }

    private static long[] nothing() {
        long[] lowest = new long[LaneCursors.PRIORITIES];
        java.util.Arrays.fill(lowest, -1);
        return lowest;
    }

    @Test
    void fair_queue_is_claimed_from_the_low_watermark_and_goes_on_where_the_last_claim_said() {
        cursors.setFair(true);
        cursors.arrived(4, 10);
        ClaimRequest first = cursors.request(1, 2, 200, 0);
        assertThat(first.turns()).containsExactly((String) null);
        cursors.claimed(first, List.of(message(4, 30, "1:a"), message(4, 30, "1:a")));
        ClaimRequest second = cursors.request(1, 2, 200, 0);
        assertThat(second.turns()).containsExactly("1:a");
        assertThat(second.cursors()).containsExactly(0);
        cursors.claimed(second, List.of(message(4, 31, "0:"), message(4, 31, "0:")));
        assertThat(cursors.request(1, 2, 200, 0).turns()).containsExactly("0:");
        cursors.setFair(false);
        cursors.arrived(4, 10);
        assertThat(cursors.request(1, 2, 200, 0).turns()).isNull();
    }

    private static ClaimedMessage message(int priority, long laneSeq) {
        return message(priority, laneSeq, null);
    }

    private static ClaimedMessage message(int priority, long laneSeq, @Nullable String turn) {
        return new ClaimedMessage(
                new UUID(0, laneSeq),
                7,
                priority,
                laneSeq,
                new ClaimedMessage.Lease(1, 1, 0),
                ClaimedMessage.Counters.ZERO,
                true,
                false,
                null,
                new Content(Direction.OUTGOING, null, 0, "1", null, null, null, null, null, null, null),
                turn);
    }
}
