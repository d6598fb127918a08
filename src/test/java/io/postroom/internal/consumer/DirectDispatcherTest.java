package io.postroom.internal.consumer;

import static io.postroom.internal.consumer.ClaimFixture.QUEUE;
import static io.postroom.internal.consumer.ClaimFixture.THREADS;
import static io.postroom.internal.consumer.ClaimFixture.WORKER;
import static io.postroom.internal.consumer.ClaimFixture.newMessage;
import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.NewMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class DirectDispatcherTest {
    private final ClaimFixture fixture = new ClaimFixture();
    private final List<UUID> unknown = new ArrayList<>();

    @Test
    void messages_for_free_threads_are_dispatched_and_count_as_held() {
        Optional<DirectDispatch> dispatch = begin(messages(THREADS));

        assertThat(dispatch).isPresent();
        assertThat(dispatch.get().workerId()).isEqualTo(WORKER);
        assertThat(dispatch.get().leaseSize()).isEqualTo(fixture.queue.handled().leaseSize());
        assertThat(fixture.held.count()).isEqualTo(THREADS);
    }

    /**
     * A worker that was declared dead registers again between the two: a lease of the old worker would be rescued while its message runs.
     */
    @Test
    void worker_id_is_read_after_its_lease_was_found_trusted() {
        List<String> asked = new ArrayList<>();
        LeaseHolder holder = new LeaseHolder() {
            @Override
            public int workerId() {
                asked.add("id");
                return WORKER;
            }

            @Override
            public boolean isTrusted() {
                asked.add("trusted");
                return true;
            }
        };
        ClaimRules rules = new ClaimRules(fixture.queue, holder, () -> false);
        DirectDispatcher dispatcher = new DirectDispatcher(fixture.queue, rules, fixture.held);

        assertThat(dispatcher.begin(messages(1), message -> true, holder, unknown::addAll))
                .isPresent();

        assertThat(asked).containsExactly("trusted", "trusted", "id");
    }

    @Test
    void more_messages_than_threads_are_free_go_through_ready() {
        assertThat(begin(messages(THREADS + 1))).isEmpty();
        assertThat(fixture.held.count()).isZero();

        begin(messages(THREADS - 1));

        assertThat(begin(messages(2))).isEmpty();
        assertThat(begin(messages(1))).isPresent();
        assertThat(begin(messages(1))).isEmpty();
    }

    @Test
    void fast_handlers_get_as_many_as_should_be_held() {
        fixture.prefetch.ran(100, Duration.ofMillis(1).toNanos());

        assertThat(begin(messages(PrefetchPolicy.MOST))).isPresent();
        assertThat(begin(messages(1))).isEmpty();
    }

    /** The claim's size was once decided in one step and noted in a second; direct dispatch in between took the same free thread. */
    @Test
    void a_claim_and_direct_dispatch_never_take_the_same_free_thread() throws Exception {
        int rounds = 50_000;
        AtomicInteger turn = new AtomicInteger(); // odd: both go; both spin, so that they meet within nanoseconds
        AtomicInteger wanted = new AtomicInteger(-1);
        Thread claimer = new Thread(() -> {
            for (int round = 0; round < rounds; round++) {
                await(turn, 2 * round + 1);
                wanted.set(Math.max(0, fixture.held.claimBegins(Claimer.LARGEST_CLAIM)));
            }
        });
        claimer.start();
        for (int round = 0; round < rounds; round++) {
            turn.set(2 * round + 1);
            int dispatched = 0;
            while (fixture.held.tryAdd(1)) {
                dispatched++;
            }
            while (wanted.get() < 0) {
                Thread.onSpinWait();
            }
            int asked = wanted.getAndSet(-1);
            assertThat(dispatched + asked).isLessThanOrEqualTo(THREADS);
            fixture.held.claimEnds(asked, 0);
            fixture.held.letGo(dispatched, 0);
        }
        claimer.join();
    }

    private static void await(AtomicInteger turn, int value) {
        while (turn.get() < value) {
            Thread.onSpinWait();
        }
    }

    @Test
    void what_a_claim_under_way_may_bring_counts_for_slow_handlers_only() {
        int asked = fixture.held.claimBegins(THREADS);
        assertThat(begin(messages(1))).isEmpty();
        fixture.held.claimEnds(asked, 0);
        assertThat(begin(messages(1))).isPresent();

        fixture.prefetch.ran(100, Duration.ofMillis(1).toNanos());
        fixture.held.claimBegins(PrefetchPolicy.MOST);
        assertThat(begin(messages(1))).isPresent();
    }

    @Test
    void messages_of_several_queues_or_priorities_go_through_ready() {
        assertThat(begin(List.of(newMessage(QUEUE, 4), newMessage(QUEUE + 1, 4))))
                .isEmpty();
        assertThat(begin(List.of(newMessage(QUEUE, 4), newMessage(QUEUE, 5)))).isEmpty();
        assertThat(begin(List.of(newMessage(QUEUE + 1, 4)))).isEmpty();
        assertThat(fixture.held.count()).isZero();
    }

    @Test
    void messages_without_a_handler_here_go_through_ready() {
        List<NewMessage> messages = messages(3);

        assertThat(begin(messages, message -> message != messages.get(1))).isEmpty();
        assertThat(fixture.held.count()).isZero();
    }

    @Test
    void reason_that_comes_up_while_the_messages_are_counted_sends_them_through_ready() {
        AtomicInteger asked = new AtomicInteger();
        ClaimRules rules = new ClaimRules(fixture.queue, fixture, () -> asked.getAndIncrement() > 0);

        assertThat(new DirectDispatcher(fixture.queue, rules, fixture.held)
                        .begin(messages(1), message -> true, fixture, unknown::addAll))
                .isEmpty();

        assertThat(asked).hasValue(2);
        assertThat(fixture.held.count()).isZero();
    }

    @Test
    void stored_messages_go_to_the_threads_and_their_leases_are_known() {
        DirectDispatch dispatch = begin(messages(2)).orElseThrow();
        List<ClaimedMessage> stored = List.of(ClaimFixture.message(1), ClaimFixture.message(2));

        dispatch.fill(stored);

        assertThat(fixture.leases.ids()).containsExactlyInAnyOrder(1L, 2L);
        assertThat(fixture.held.take().begin(1)).containsExactly(stored.get(0));
        assertThat(fixture.held.take().begin(1)).containsExactly(stored.get(1));
        assertThat(fixture.held.count()).isEqualTo(2);
    }

    @Test
    void messages_that_were_not_stored_count_no_longer_and_are_reported_as_unknown() {
        List<NewMessage> messages = messages(2);
        DirectDispatch dispatch = begin(messages).orElseThrow();

        dispatch.giveBack();

        assertThat(fixture.held.count()).isZero();
        assertThat(unknown)
                .containsExactly(messages.get(0).id(), messages.get(1).id());
    }

    @Test
    void dispatch_ends_once() {
        DirectDispatch stored = begin(messages(1)).orElseThrow();
        stored.fill(List.of(ClaimFixture.message(1)));
        stored.giveBack();
        stored.fill(List.of(ClaimFixture.message(1)));

        assertThat(fixture.held.count()).isOne();
        assertThat(unknown).isEmpty();

        DirectDispatch failed = begin(messages(1)).orElseThrow();
        failed.giveBack();
        failed.giveBack();
        failed.fill(List.of(ClaimFixture.message(2)));

        assertThat(fixture.held.count()).isOne();
        assertThat(unknown).hasSize(1);
    }

    @Test
    void messages_stored_after_the_stop_go_back_untouched() {
        DirectDispatch dispatch = begin(messages(1)).orElseThrow();
        fixture.rules.stop();
        fixture.held.close();
        ClaimedMessage stored = ClaimFixture.message(1);

        dispatch.fill(List.of(stored));

        assertThat(fixture.released).containsExactly(stored);
        assertThat(fixture.held.count()).isZero();
    }

    private Optional<DirectDispatch> begin(List<NewMessage> messages) {
        return begin(messages, message -> true);
    }

    private Optional<DirectDispatch> begin(List<NewMessage> messages, Predicate<NewMessage> isTakenHere) {
        return fixture.directDispatcher.begin(messages, isTakenHere, fixture, unknown::addAll);
    }

    private static List<NewMessage> messages(int count) {
        return Collections.nCopies(count, 0).stream()
                .map(unused -> newMessage(QUEUE, 4))
                .toList();
    }
}
