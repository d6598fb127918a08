package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which messages are announced, and how many with one statement. Time stands still unless a test moves it. */
@Timeout(30)
class StartMarksTest {
    private final ClaimFixture fixture = new ClaimFixture();
    private final StartMarks starts = fixture.starts;

    @Test
    void message_that_is_started_beyond_what_its_claim_wrote_is_announced_first() {
        List<ClaimedMessage> messages = leases(3, 1);
        starts.claimed(messages, 1);
        pass(Duration.ofSeconds(1));

        starts.announce(messages.subList(0, 1));
        assertThat(fixture.announced).isEmpty();
        starts.announce(messages.subList(1, 2));
        starts.announce(messages.subList(1, 2));
        assertThat(fixture.announced).containsExactly(Map.of(1L, 2));
        pass(Duration.ofSeconds(1));
        starts.announce(messages.subList(2, 3));
        assertThat(fixture.announced).last().isEqualTo(Map.of(1L, 3));
    }

    @Test
    void what_a_claim_wrote_down_as_started_is_counted_over_all_its_leases() {
        List<ClaimedMessage> messages = leases(2, 3);
        starts.claimed(messages, 3);
        pass(Duration.ofSeconds(1));

        starts.announce(messages.subList(0, 3));
        assertThat(fixture.announced).isEmpty();
        starts.announce(messages.subList(3, 5));

        assertThat(fixture.announced).containsExactly(Map.of(2L, 2, 3L, 1));
    }

    @Test
    void direct_dispatch_and_suspects_need_no_announcement() {
        starts.announce(leases(3, 1));

        assertThat(fixture.announced).isEmpty();
    }

    @Test
    void fast_handlers_announce_far_ahead_over_several_leases() {
        List<ClaimedMessage> messages = leases(200, 10);
        starts.claimed(messages, 0);

        List<Integer> startedBetween = startAll(messages, Duration.ofNanos(12_500)); // 80,000 a second

        assertThat(startedBetween).hasSizeLessThan(12).contains(800);
        assertThat(starts.chunk()).isBetween(700, 900);
    }

    @Test
    void slow_handlers_announce_each_message_when_it_starts() {
        List<ClaimedMessage> messages = leases(200, 1);
        starts.claimed(messages, 0);
        pass(Duration.ofSeconds(1));

        List<Integer> startedBetween = startAll(messages, Duration.ofMillis(20));

        assertThat(startedBetween).hasSize(200).containsOnly(1);
    }

    @Test
    void handlers_that_become_slow_announce_less_at_the_next_statement() {
        List<ClaimedMessage> messages = leases(200, 20);
        starts.claimed(messages, 0);
        startAll(messages.subList(0, 1500), Duration.ofNanos(12_500));
        pass(Duration.ofSeconds(10));

        List<Integer> startedBetween = startAll(messages.subList(1500, 4000), Duration.ofMillis(20));

        assertThat(startedBetween).last().isEqualTo(1);
        assertThat(starts.chunk()).isOne();
    }

    @Test
    void claims_write_down_less_when_nothing_was_announced_for_long() {
        List<ClaimedMessage> messages = leases(200, 10);
        starts.claimed(messages, 0);
        startAll(messages, Duration.ofNanos(12_500));

        pass(Duration.ofMillis(100));
        assertThat(starts.chunk()).isBetween(60, 90);
        pass(Duration.ofSeconds(10));
        assertThat(starts.chunk()).isOne();
    }

    @Test
    void failed_announcement_is_not_repeated() {
        ClaimFixture failing = new ClaimFixture();
        failing.announcing = marks -> {
            throw new IllegalStateException("no database");
        };
        List<ClaimedMessage> messages = leases(2, 1);
        failing.starts.claimed(messages, 0);

        failing.starts.announce(messages.subList(0, 1));
        failing.starts.announce(messages.subList(0, 1));

        assertThat(failing.announced).hasSize(1);
    }

    /** Starts one after the other. Returns how many messages each announcement was followed by, itself included. */
    private List<Integer> startAll(List<ClaimedMessage> messages, Duration each) {
        List<Integer> startedBetween = new ArrayList<>();
        for (ClaimedMessage message : messages) {
            int before = fixture.announced.size();
            starts.announce(List.of(message));
            if (fixture.announced.size() > before) {
                startedBetween.add(0);
            }
            if (!startedBetween.isEmpty()) {
                int last = startedBetween.size() - 1;
                startedBetween.set(last, startedBetween.get(last) + 1);
            }
            pass(each);
        }
        return startedBetween;
    }

    /** Messages under leases 1, 2 and so on. */
    private static List<ClaimedMessage> leases(int size, int count) {
        List<ClaimedMessage> messages = new ArrayList<>();
        for (int lease = 1; lease <= count; lease++) {
            for (int ordinal = 0; ordinal < size; ordinal++) {
                messages.add(ClaimFixture.message(
                        messages.size(),
                        4,
                        new ClaimedMessage.Lease(lease, size, ordinal),
                        ClaimedMessage.Counters.ZERO));
            }
        }
        return messages;
    }

    private void pass(Duration time) {
        fixture.nanos += time.toNanos();
    }
}
