package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.consumer.ClaimRules.Reason;
import io.postroom.internal.consumer.ClaimRules.Way;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.QueueReport.Stop;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each reason stops each way that it is meant to stop: asked of the rules, and seen at the claimer and direct dispatch.
 */
@Timeout(30)
class ClaimRulesTest {
    private final ClaimFixture fixture = new ClaimFixture();

    @ParameterizedTest
    @EnumSource(Way.class)
    void everything_is_allowed_while_no_reason_holds(Way way) {
        assertThat(fixture.rules.reasonAgainst(way)).isEmpty();
        assertThat(fixture.rules.allow(way)).isTrue();
        assertThat(takes(way)).isTrue();
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"STOPPING", "QUEUE_PAUSED", "CONSUMER_STOPPED", "LEASE_NOT_TRUSTED", "COMPLETER_OVERWHELMED"})
    void reason_of_the_process_or_the_queue_stops_every_way(Reason reason) {
        assertThat(Way.values()).allMatch(reason::stops);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"SUSPECTS_WAIT", "ORDERED", "FAIR", "LIMITED", "MESSAGES_WAIT"})
    void what_waits_stops_direct_dispatch_alone(Reason reason) {
        assertThat(Arrays.stream(Way.values()).filter(reason::stops)).containsExactly(Way.DIRECT_DISPATCH);
    }

    @ParameterizedTest
    @MethodSource("reasonsAndWays")
    void reason_stops_a_way_exactly_while_it_holds(Reason reason, Way way) {
        bringAbout(reason);

        assertThat(fixture.rules.reasonAgainst(way)).contains(reason);
        assertThat(fixture.rules.allow(way)).isFalse();
        assertThat(takes(way)).isFalse();
        assertThat(fixture.requests).isEmpty();
        assertThat(fixture.held.count()).isZero();

        if (reason != Reason.STOPPING) { // that one is for good
            end(reason);
            assertThat(fixture.rules.allow(way)).isTrue();
            assertThat(takes(way)).isTrue();
        }
    }

    static Stream<Object[]> reasonsAndWays() {
        return Arrays.stream(Reason.values())
                .flatMap(reason ->
                        Arrays.stream(Way.values()).filter(reason::stops).map(way -> new Object[] {reason, way}));
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void others_are_told_of_messages_when_this_process_or_its_consumer_stops_or_the_queue_is_paused(Reason reason) {
        assertThat(fixture.rules.leaveToOthers()).isFalse();

        bringAbout(reason);

        assertThat(fixture.rules.leaveToOthers())
                .isEqualTo(reason == Reason.STOPPING
                        || reason == Reason.QUEUE_PAUSED
                        || reason == Reason.CONSUMER_STOPPED);
    }

    @Test
    void queue_counts_as_paused_until_the_first_poll_has_answered() {
        ConsumedQueue unknown = new ConsumedQueue(fixture.queue.handled());

        assertThat(new ClaimRules(unknown, fixture, () -> false).reasonAgainst(Way.CLAIM))
                .contains(Reason.QUEUE_PAUSED);
    }

    private void bringAbout(Reason reason) {
        set(reason, true);
    }

    private void end(Reason reason) {
        set(reason, false);
    }

    private void set(Reason reason, boolean holds) {
        switch (reason) {
            case STOPPING -> fixture.rules.stop();
            case QUEUE_PAUSED -> fixture.reported(holds, false);
            case CONSUMER_STOPPED -> {
                fixture.stop = holds ? Stop.ORDERED : Stop.NONE;
                fixture.reported(false, false);
            }
            case LEASE_NOT_TRUSTED -> fixture.trusted = !holds;
            case SUSPECTS_WAIT -> fixture.reported(false, holds);
            case ORDERED -> fixture.queue.cursors().setOrdered(holds);
            case FAIR -> fixture.queue.cursors().setFair(holds);
            case LIMITED -> fixture.queue.setLimiter(holds);
            case MESSAGES_WAIT -> {
                if (holds) {
                    fixture.queue.cursors().arrived(4, 100);
                } else {
                    ClaimRequest all = fixture.queue.cursors().request(ClaimFixture.WORKER, 10, 10, 0);
                    fixture.queue.cursors().claimed(all, List.of());
                }
            }
            case COMPLETER_OVERWHELMED -> fixture.overwhelmed = holds;
        }
    }

    /** Whether a message is taken in that way, although one is there and a thread is free. */
    private boolean takes(Way way) {
        int before = fixture.requests.size();
        switch (way) {
            case CLAIM -> {
                fixture.becomeReady(1);
                fixture.step();
                return fixture.requests.size() > before;
            }
            case DIRECT_DISPATCH -> {
                return fixture.directDispatcher
                        .begin(
                                List.of(ClaimFixture.newMessage(ClaimFixture.QUEUE, 4)),
                                message -> true,
                                fixture,
                                ids -> {})
                        .isPresent();
            }
        }
        throw new AssertionError(way);
    }
}
