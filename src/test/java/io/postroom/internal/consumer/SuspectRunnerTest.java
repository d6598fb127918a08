package io.postroom.internal.consumer;

import static io.postroom.internal.consumer.ClaimFixture.suspect;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.internal.consumer.ClaimRules.Way;
import io.postroom.internal.storage.ClaimRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Time passes only while the turn pauses. */
@Timeout(30)
class SuspectRunnerTest {
    private final ClaimFixture fixture = new ClaimFixture();
    private final SuspectRunner runner = fixture.suspectRunner;

    @BeforeEach
    void suspectsWait() {
        fixture.reported(false, true);
    }

    @Test
    void suspects_run_one_by_one_until_none_is_left() {
        suspects(3);
        List<Integer> heldAtClaims = noteHeldAtClaims();

        runner.runTurn(eachRunsFor(Duration.ofMillis(100)));

        assertThat(fixture.requests).hasSize(4).allMatch(request -> request.suspects() && request.limit() == 1);
        assertThat(heldAtClaims).containsOnly(0);
        assertThat(fixture.queue.hasSuspects()).isFalse();
        assertThat(fixture.held.count()).isZero();
    }

    @Test
    void suspects_are_looked_for_in_all_lanes_from_the_beginning() {
        runner.runTurn(pause -> {});

        ClaimRequest request = fixture.requests.remove();
        assertThat(request.priorities()).containsExactly(9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        assertThat(request.cursors()).containsOnly(0);
        assertThat(request.workerId()).isEqualTo(ClaimFixture.WORKER);
        assertThat(request.leaseSize()).isOne();
    }

    @Test
    void turn_waits_until_what_runs_has_ended() {
        suspects(1);
        fixture.held.tryAdd(2);
        List<Integer> heldAtClaims = noteHeldAtClaims();
        List<Duration> pauses = new ArrayList<>();

        runner.runTurn(pause -> {
            pauses.add(pause);
            fixture.nanos += pause.toNanos();
            fixture.held.letGo(1);
        });

        assertThat(pauses).hasSizeGreaterThanOrEqualTo(2);
        assertThat(heldAtClaims.get(0)).isZero();
    }

    @Test
    void turn_ends_after_a_second_and_the_next_begins_a_second_later() {
        suspects(10);

        runner.runTurn(eachRunsFor(Duration.ofMillis(600)));

        assertThat(fixture.requests).hasSize(2); // at 0 and 600 ms, and not at 1,200
        assertThat(runner.isTheirTurn()).isFalse();
        fixture.nanos += SuspectRunner.TURN.toNanos() - 1;
        assertThat(runner.isTheirTurn()).isFalse();
        fixture.nanos++;
        assertThat(runner.isTheirTurn()).isTrue();
    }

    @Test
    void turn_in_which_something_long_runs_ends_in_vain() {
        suspects(1);
        fixture.held.tryAdd(1);
        long began = fixture.nanos;

        runner.runTurn(timePasses());

        assertThat(fixture.requests).isEmpty();
        assertThat(fixture.nanos - began)
                .isBetween(
                        SuspectRunner.PATIENCE.toNanos(),
                        SuspectRunner.PATIENCE.plusMillis(200).toNanos());
        assertThat(fixture.queue.hasSuspects()).isTrue();
    }

    @Test
    void after_three_turns_in_vain_a_suspect_runs_beside_what_never_ends() {
        suspects(1);
        fixture.held.tryAdd(1);
        vainTurns();

        runner.runTurn(timePasses());

        assertThat(fixture.held.count()).isEqualTo(2);
        assertThat(fixture.held.take().begin(1))
                .extracting(message -> message.counters().crashes())
                .containsExactly(1);
    }

    @Test
    void after_three_turns_in_vain_the_suspect_still_waits_for_a_free_thread_however_long_that_takes() {
        suspects(1);
        fixture.held.tryAdd(ClaimFixture.THREADS);
        vainTurns();
        long begin = fixture.nanos;
        long free = SuspectRunner.PATIENCE.multipliedBy(3).toNanos();
        List<Long> claimedAfter = new ArrayList<>();
        fixture.answer = request -> {
            claimedAfter.add(fixture.nanos - begin);
            return List.of();
        };

        runner.runTurn(pause -> {
            fixture.nanos += pause.toNanos();
            if (fixture.nanos - begin == free) {
                fixture.held.letGo(1);
            }
        });

        assertThat(claimedAfter).containsExactly(free);
    }

    @Test
    void turns_in_vain_are_forgotten_when_no_suspect_waits() {
        suspects(1);
        fixture.held.tryAdd(1);
        vainTurns();

        fixture.reported(false, false);
        assertThat(runner.isTheirTurn()).isFalse();
        fixture.reported(false, true);
        runner.runTurn(timePasses());

        assertThat(fixture.requests).isEmpty();
    }

    @Test
    void turns_in_vain_are_forgotten_when_a_suspect_got_its_turn() {
        suspects(1);
        fixture.held.tryAdd(1);
        vainTurns();
        runner.runTurn(timePasses()); // beside the long one
        fixture.requests.clear();

        runner.runTurn(timePasses());

        assertThat(fixture.requests).isEmpty();
    }

    @Test
    void claims_and_direct_dispatch_stand_still_during_a_turn_alone() {
        suspects(1);
        List<Boolean> allowed = new ArrayList<>();
        fixture.answer = request -> {
            allowed.add(fixture.rules.allow(Way.CLAIM) || fixture.directDispatcher.tryCount(1));
            return List.of();
        };

        runner.runTurn(timePasses());

        assertThat(allowed).containsExactly(false);
        assertThat(fixture.rules.allow(Way.CLAIM)).isTrue();
        assertThat(fixture.directDispatcher.tryCount(1)).isTrue();
    }

    @Test
    void turn_whose_claim_fails_is_over_but_needs_no_rest() {
        fixture.answer = request -> {
            throw new IllegalStateException("no database");
        };

        assertThatThrownBy(() -> runner.runTurn(timePasses())).hasMessage("no database");

        assertThat(fixture.rules.allow(Way.CLAIM)).isTrue();
        assertThat(runner.isTheirTurn()).isTrue();
    }

    private void suspects(int count) {
        for (int i = 0; i < count; i++) {
            fixture.suspects.add(suspect(i));
        }
    }

    private void vainTurns() {
        for (int i = 0; i < SuspectRunner.MOST_VAIN_TURNS; i++) {
            runner.runTurn(timePasses());
        }
        assertThat(fixture.requests).isEmpty();
    }

    private List<Integer> noteHeldAtClaims() {
        List<Integer> heldAtClaims = new ArrayList<>();
        var claim = fixture.answer;
        fixture.answer = request -> {
            heldAtClaims.add(fixture.held.count());
            return claim.apply(request);
        };
        return heldAtClaims;
    }

    private Consumer<Duration> timePasses() {
        return pause -> fixture.nanos += pause.toNanos();
    }

    private Consumer<Duration> eachRunsFor(Duration time) {
        return pause -> {
            fixture.nanos += time.toNanos();
            fixture.held.letGo(fixture.held.take().begin(1).size());
        };
    }
}
