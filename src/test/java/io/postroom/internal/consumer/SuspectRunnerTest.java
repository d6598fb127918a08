package io.postroom.internal.consumer;

import static io.postroom.internal.consumer.ClaimFixture.suspect;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Time stands still unless a test moves it. */
@Timeout(30)
class SuspectRunnerTest {
    private final ClaimFixture fixture = new ClaimFixture();
    private final SuspectRunner runner = fixture.suspectRunner;
    private final SuspectPlaces places = fixture.leases.suspectPlaces();

    @BeforeEach
    void suspectsWait() {
        fixture.reported(false, true);
    }

    @Test
    void suspects_are_looked_for_in_all_lanes_from_the_beginning() {
        suspects(1);

        runner.claimNext();

        ClaimRequest request = fixture.requests.remove();
        assertThat(request.priorities()).containsExactly(9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        assertThat(request.cursors()).containsOnly(0);
        assertThat(request.workerId()).isEqualTo(ClaimFixture.WORKER);
        assertThat(request.limit()).isOne();
        assertThat(request.leaseSize()).isOne();
        assertThat(request.started()).isOne();
    }

    @Test
    void nothing_is_claimed_while_no_suspect_is_reported() {
        fixture.reported(false, false);

        assertThat(runner.claimNext()).isFalse();

        assertThat(fixture.requests).isEmpty();
    }

    @Test
    void one_suspect_runs_at_a_time_and_the_next_begins_when_its_result_is_written() {
        suspects(3);

        assertThat(claimAll()).isOne();
        ClaimedMessage first = run();
        assertThat(claimAll())
                .as("its handler ended, its result is not written")
                .isZero();
        end(first);

        assertThat(fixture.suspectsEnded).hasValue(1);
        assertThat(claimAll()).isOne();
    }

    @Test
    void suspect_starts_beside_other_messages_and_before_those_that_wait() {
        fixture.held.tryAdd(ClaimFixture.THREADS - 1);
        fixture.held.accept(List.of(ClaimFixture.message(50)));
        suspects(1);

        runner.claimNext();

        assertThat(fixture.held.take().begin(16)).containsExactly(suspect(0));
    }

    @Test
    void suspect_waits_for_a_free_thread_while_handlers_are_slow() {
        fixture.held.tryAdd(ClaimFixture.THREADS);
        suspects(1);
        assertThat(claimAll()).isZero();

        fixture.held.letGo(1, 0);

        assertThat(claimAll()).isOne();
    }

    @Test
    void one_suspect_is_claimed_ahead_while_handlers_are_fast() {
        fixture.prefetch.ran(100, Duration.ofMillis(1).toNanos());
        fixture.held.tryAdd(10 * ClaimFixture.THREADS);
        suspects(3);

        assertThat(claimAll()).isOne();
        wait(Duration.ofSeconds(30));
        assertThat(claimAll()).as("the first one still waits for a thread").isZero();
        fixture.held.take();
        assertThat(claimAll()).isOne();
    }

    @Test
    void suspects_that_wait_for_long_run_beside_one_another_twice_as_many_each_time() {
        suspects(20);
        assertThat(claimAll()).isOne();

        wait(SuspectRunner.ONE_BY_ONE);
        assertThat(claimAll()).isOne();
        wait(SuspectRunner.DOUBLING);
        assertThat(claimAll())
                .as("one thread of four is left to other messages")
                .isOne();
        wait(Duration.ofMinutes(1));
        assertThat(claimAll()).isZero();
    }

    @Test
    void suspects_of_another_queue_count_too() {
        suspects(2);
        assertThat(places.enter(1)).isTrue();

        assertThat(claimAll()).isZero();
        wait(SuspectRunner.ONE_BY_ONE);

        assertThat(claimAll()).isOne();
    }

    @Test
    void suspects_that_come_later_run_one_by_one_again() {
        suspects(1);
        claimAll();
        wait(Duration.ofMinutes(1));
        claimAll(); // finds none
        fixture.reported(false, true);
        suspects(1);

        assertThat(claimAll()).isZero();
    }

    @Test
    void suspect_on_its_last_credit_waits_until_no_other_suspect_runs_however_long_that_takes() {
        suspects(1);
        fixture.lastCredits.add(suspect(9, 2));
        claimAll();

        wait(Duration.ofHours(1));
        fixture.reported(false, true);
        assertThat(claimAll()).isZero();
        end(run());
        fixture.reported(false, true);

        assertThat(claimAll()).isOne();
        assertThat(run()).isEqualTo(suspect(9, 2));
    }

    @Test
    void no_suspect_of_any_queue_begins_beside_one_on_its_last_credit() {
        fixture.lastCredits.add(suspect(9, 2));
        claimAll();
        suspects(1);

        wait(Duration.ofHours(1));

        assertThat(claimAll()).isZero();
        assertThat(places.enter(100)).isFalse();
        assertThat(places.enterAlone()).isFalse();
        end(run());
        assertThat(claimAll()).isOne();
    }

    @Test
    void suspects_with_credits_to_spare_go_before_those_without() {
        suspects(1);
        fixture.lastCredits.add(suspect(9, 2));

        claimAll();

        assertThat(run()).isEqualTo(suspect(0));
    }

    @Test
    void others_may_have_taken_the_suspects_and_their_places_are_given_back() {
        assertThat(runner.claimNext()).isFalse();

        assertThat(fixture.requests)
                .extracting(ClaimRequest::kind)
                .containsExactly(ClaimKind.SUSPECT, ClaimKind.LAST_CREDIT);
        assertThat(fixture.queue.hasSuspects()).isFalse();
        assertThat(places.enterAlone()).isTrue();
    }

    @Test
    void failed_claim_gives_its_place_back_and_waits_for_the_next_poll() {
        fixture.answer = request -> {
            throw new IllegalStateException("no database");
        };

        assertThatThrownBy(runner::claimNext).hasMessage("no database");

        assertThat(runner.claimNext()).isFalse();
        assertThat(fixture.requests).hasSize(1);
        assertThat(places.enterAlone()).isTrue();
    }

    private void suspects(int count) {
        for (int i = 0; i < count; i++) {
            fixture.suspects.add(suspect(i));
        }
    }

    /** Claims until nothing more may run; each suspect is taken by a thread and goes on. Returns how many were claimed. */
    private int claimAll() {
        int claimed = 0;
        while (runner.claimNext()) {
            claimed++;
            if (fixture.held.count() < ClaimFixture.THREADS) {
                taken.add(fixture.held.take().begin(1).get(0));
            }
        }
        return claimed;
    }

    private final List<ClaimedMessage> taken = new ArrayList<>();

    /** Ends the handler of the suspect that was taken first. Returns that suspect. */
    private ClaimedMessage run() {
        fixture.held.letGo(1, 0);
        return taken.remove(0);
    }

    private void end(ClaimedMessage suspect) {
        fixture.leases.ended(List.of(Completion.release(suspect)));
    }

    private void wait(Duration time) {
        fixture.nanos += time.toNanos();
    }
}
