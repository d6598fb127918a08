package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.api.Outcome;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.QueueReport;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The turns of the one claimer of a process that consumes many queues. No thread takes what is claimed, unless a test says so. */
@Timeout(60)
class ClaimerTurnsTest implements LeaseHolder {
    private static final int THREADS = 4;

    private final FakeQueues store = new FakeQueues();
    private final CountDownLatch mayEnd = new CountDownLatch(1);
    private boolean trusted = true;
    private HandlerPool pool = new HandlerPool(HandlerThreads.platform(), 1, 10_000);
    private HeldBounds bounds = new HeldBounds(pool, PrefetchPolicy.MOST_BYTES);
    private Claimer claimer = new Claimer(store, this, pool, bounds);

    @AfterEach
    void end() {
        mayEnd.countDown();
        pool.close();
    }

    @Test
    void queues_that_were_signalled_are_claimed_together_and_no_other() {
        List<Queue> queues = queues(5);
        queues.get(1).becomeReady(2);
        queues.get(3).becomeReady(1);
        queues.get(4).ready.add(ClaimFixture.message(99)); // nobody said so

        claimer.turn();

        assertThat(store.claims).hasSize(1);
        assertThat(store.claims.get(0)).extracting(ClaimRequest::queueId).containsExactly(1, 3);
        assertThat(queues.get(1).held.count()).isEqualTo(2);
        assertThat(queues.get(3).held.count()).isOne();
        assertThat(queues.get(4).held.count()).isZero();
    }

    @Test
    void one_queue_alone_asks_for_all_its_lanes_and_several_for_one_lane_each_turn() {
        List<Queue> queues = queues(2);
        queues.get(0).becomeReady(1, 2, 7);
        claimer.turn();
        assertThat(store.claims.get(0).get(0).priorities()).containsExactly(7, 2);

        queues.get(0).held.letGo(1, 0);
        queues.get(0).becomeReady(1, 3, 9);
        queues.get(1).becomeReady(1);
        await().until(() -> {
            claimer.turn();
            return store.claims.size() >= 3;
        });

        assertThat(store.claims.subList(1, store.claims.size()).stream()
                        .flatMap(List::stream)
                        .filter(request -> request.queueId() == 0)
                        .map(request -> Arrays.toString(request.priorities())))
                .startsWith("[9]", "[3]");
    }

    @Test
    void no_claim_is_for_more_queues_than_the_most_and_the_next_turn_takes_the_others() {
        List<Queue> queues = queues(Claimer.MOST_QUEUES + 10);
        queues.forEach(queue -> queue.becomeReady(1));

        assertThat(claimer.turn()).isZero();
        claimer.turn();

        assertThat(store.claims).extracting(List::size).containsExactly(Claimer.MOST_QUEUES, 10);
        assertThat(queues).allSatisfy(queue -> assertThat(queue.held.count()).isOne());
    }

    @Test
    void deep_queue_gets_a_share_and_then_stands_behind_the_others() {
        List<Queue> queues = queues(300);
        queues.forEach(Queue::fast);
        queues.get(0).becomeReady(5_000);
        queues.subList(1, 300).forEach(queue -> queue.becomeReady(1));

        claimer.turn();
        claimer.turn();

        assertThat(store.claims.get(0).get(0).limit()).isEqualTo(Claimer.FAIR_SHARE);
        assertThat(store.claims.get(1))
                .as("the deep one, behind all others")
                .extracting(ClaimRequest::queueId)
                .hasSize(45)
                .endsWith(0);
        assertThat(queues.subList(1, 300))
                .allSatisfy(queue -> assertThat(queue.held.count()).isOne());
        claimer.turn();
        assertThat(store.claims.get(2)).extracting(ClaimRequest::limit).containsExactly(Claimer.LARGEST_CLAIM);
    }

    @Test
    void failure_of_one_queue_stops_the_others_for_a_few_turns_only() {
        List<Queue> queues = queues(40);
        queues.forEach(queue -> queue.becomeReady(1));
        store.fails = requests -> requests.stream().anyMatch(request -> request.queueId() == 17);

        int turns = 0;
        while (queues.stream().filter(queue -> queue.held.count() == 1).count() < 39) {
            turns++;
            try {
                claimer.turn();
            } catch (IllegalStateException failed) {
                assertThat(failed).hasMessage("bad row");
            }
            assertThat(turns).isLessThan(30);
        }

        assertThat(queues.get(17).held.count()).isZero();
        store.fails = requests -> false;
        await().until(() -> {
            claimer.turn();
            return queues.get(17).held.count() == 1;
        });
    }

    @Test
    void failed_claim_of_many_keeps_all_their_lanes() {
        List<Queue> queues = queues(3);
        queues.forEach(queue -> queue.becomeReady(1));
        store.fails = requests -> true;

        assertThatThrownBy(claimer::turn).hasMessage("bad row");

        assertThat(queues).allSatisfy(queue -> {
            assertThat(queue.consumed.cursors().mayHaveWork()).isTrue();
            assertThat(queue.held.tryAdd(THREADS)).isTrue(); // no claim counts as under way
        });
    }

    @Test
    void database_that_is_away_stops_all_and_the_next_turn_claims_for_all_again() {
        List<Queue> queues = queues(3);
        queues.forEach(queue -> queue.becomeReady(1));
        store.isAway = true;
        assertThatThrownBy(claimer::turn).isInstanceOf(StoreException.class);

        store.isAway = false;
        claimer.turn();

        assertThat(store.claims).extracting(List::size).containsExactly(3, 3);
    }

    @Test
    void paused_queue_is_left_out_until_a_poll_signals_it() {
        List<Queue> queues = queues(2);
        queues.forEach(queue -> queue.becomeReady(1));
        queues.get(0).reported(true);

        claimer.turn();
        assertThat(store.claims.get(0)).extracting(ClaimRequest::queueId).containsExactly(1);

        queues.get(0).reported(false);
        queues.get(0).signal();
        claimer.turn();
        assertThat(queues.get(0).held.count()).isOne();
    }

    @Test
    void nothing_is_claimed_while_leases_are_not_trusted_and_all_are_when_they_are() {
        List<Queue> queues = queues(2);
        queues.forEach(queue -> queue.becomeReady(1));
        trusted = false;
        assertThat(claimer.turn()).isPositive();
        assertThat(store.claims).isEmpty();

        trusted = true;
        claimer.turn();

        assertThat(queues).allSatisfy(queue -> assertThat(queue.held.count()).isOne());
    }

    @Test
    void slow_handlers_claim_no_more_than_there_are_threads_and_go_on_when_some_are_free() {
        use(new HandlerPool(HandlerThreads.platform(), 1, 10));
        List<Queue> queues = queues(8);
        queues.forEach(queue -> queue.becomeReady(THREADS));

        claimer.turn();
        assertThat(held(queues)).isEqualTo(10);
        IntStream.range(0, 10).forEach(i -> pool.offer(worker -> awaitQuietly()));
        claimer.turn();
        assertThat(held(queues)).as("all threads are busy").isEqualTo(10);

        mayEnd.countDown();
        await().until(() -> pool.spare() == 10);
        claimer.turn();
        assertThat(held(queues)).isEqualTo(20);
    }

    @Test
    void process_holds_a_bounded_number_and_a_queue_that_holds_none_may_have_one() {
        List<Queue> queues = queues(12);
        queues.forEach(Queue::fast);
        queues.subList(0, 10).forEach(queue -> queue.becomeReady(1_000));
        for (int i = 0; i < 30; i++) {
            claimer.turn();
        }
        assertThat(held(queues)).isBetween(HeldBounds.MOST_AHEAD - 10, HeldBounds.MOST_AHEAD + 10);

        queues.get(10).becomeReady(50);
        claimer.turn();

        assertThat(queues.get(10).held.count()).isOne();
    }

    @Test
    void process_holds_a_bounded_number_of_bytes() {
        bounds = new HeldBounds(pool, 20);
        claimer = new Claimer(store, this, pool, bounds);
        List<Queue> queues = queues(20);
        queues.get(0).becomeReady(1);
        claimer.turn(); // from here on it is known how large messages are
        assertThat(bounds.bytes()).isEqualTo(3);
        queues.subList(1, 20).forEach(queue -> queue.becomeReady(4));

        claimer.turn();

        assertThat(bounds.bytes())
                .as("5 more fit; the other queues may have one each")
                .isLessThanOrEqualTo(3 * 25);
    }

    @Test
    void stop_of_a_queue_waits_for_the_claim_under_way() throws Exception {
        List<Queue> queues = queues(1);
        queues.get(0).becomeReady(1);
        CountDownLatch asked = new CountDownLatch(1);
        store.onClaim = () -> {
            asked.countDown();
            awaitQuietly();
        };
        claimer.start();
        assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();

        Thread stop = new Thread(claimer::awaitTurn);
        stop.start();
        await().until(() -> stop.getState() == Thread.State.TIMED_WAITING);
        mayEnd.countDown();

        stop.join();
        assertThat(queues.get(0).held.count()).isOne();
        claimer.stop();
        claimer.awaitEnd();
    }

    @Test
    void thread_sleeps_while_a_queue_lingers_after_a_short_claim_although_it_is_signalled() {
        List<Queue> queues = queues(1);
        queues.get(0).becomeReady(1);
        claimer.turn();
        queues.get(0).becomeReady(1);

        long wait = claimer.turn();

        if (store.claims.size() == 1) { // else the machine was slower than the linger
            assertThat(wait).isBetween(0L, QueueClaims.AFTER_SHORT_CLAIM.toNanos());
            assertThat(queues.get(0).claims.signal()).as("wakes nobody").isFalse();
        }
        await().until(() -> {
            claimer.turn();
            return store.claims.size() == 2;
        });
    }

    /** The end of a message signals its own queue, which would fill the place again before a timer looks for suspects of others. */
    @Test
    void suspect_takes_turns_with_the_backlog_of_another_queue_with_the_same_handlers() {
        HandlerSet shared = ClaimFixture.handlerSet(THREADS, 1, pool);
        Queue backlog = new Queue(0, shared);
        Queue crashed = new Queue(1, shared);
        store.queues.put(0, backlog);
        store.queues.put(1, crashed);
        backlog.becomeReady(50);
        claimer.turn();
        assertThat(backlog.held.count()).isEqualTo(THREADS);
        crashed.ready.add(ClaimFixture.suspect(99));
        crashed.reported(false, true);
        crashed.signal();
        claimer.turn();
        assertThat(crashed.held.count()).as("all threads are taken").isZero();

        for (int end = 1; end <= 2; end++) { // the backlog waits for a place, too, and has waited longer
            backlog.held.letGo(1, 0);
            claimer.turn();
            claimer.turn();
        }

        assertThat(crashed.held.count()).isOne();
        assertThat(backlog.held.count()).isEqualTo(THREADS - 1);
    }

    @Test
    void queue_whose_claim_found_nothing_leaves_what_comes_to_other_processes_for_a_while() {
        Queue queue = queues(1).get(0);
        queue.consumed.consumedElsewhere(true);
        queue.becomeReady(1);
        queue.ready.clear(); // another process was faster
        claimer.turn();
        assertThat(store.claims).hasSize(1);

        await().until(() -> !queue.restsAfterShortClaim());
        queue.becomeReady(1);
        claimer.turn(); // begins the wait
        assertThat(store.claims).hasSize(1);
        await().until(() -> {
            claimer.turn();
            return store.claims.size() == 2;
        });
        assertThat(queue.held.count()).isOne();

        queue.becomeReady(1);
        queue.ready.clear();
        await().until(() -> {
            claimer.turn();
            return store.claims.size() == 3;
        });
        await().until(() -> !queue.restsAfterShortClaim());
        queue.becomeReady(1);
        queue.claims.becameReadyHere(); // this process made it READY
        claimer.turn();
        assertThat(store.claims).hasSize(4);
    }

    @Test
    void suspect_that_waits_for_a_thread_here_does_not_make_the_claimer_turn_without_end() {
        HandlerSet shared = ClaimFixture.handlerSet(1, 10, pool); // room for messages while the one permit is taken
        store.queues.put(0, new Queue(0, shared));
        Queue crashed = new Queue(1, shared);
        store.queues.put(1, crashed);
        crashed.ready.add(ClaimFixture.suspect(98));
        crashed.ready.add(ClaimFixture.suspect(99));
        crashed.reported(false, true);
        crashed.signal();
        for (int turn = 1; turn <= 20; turn++) {
            claimer.turn();
        }

        assertThat(crashed.held.count()).isOne();
        assertThat(claimer.turn()).isPositive();
    }

    @Test
    void queue_that_leaves_messages_to_others_does_not_keep_the_room_that_it_was_told_of() {
        HandlerSet shared = ClaimFixture.handlerSet(THREADS, 1, pool);
        Queue late = new Queue(0, shared);
        Queue other = new Queue(1, shared);
        Queue busy = new Queue(2, shared);
        List.of(late, other, busy).forEach(queue -> store.queues.put(queue.id, queue));
        loseRaces(late, 6); // its next wait takes 25 ms at least
        for (Queue queue : List.of(busy, late, other)) {
            queue.becomeReady(queue == busy ? THREADS : 1);
            claimer.turn();
        }
        assertThat(busy.held.count()).as("all threads are taken").isEqualTo(THREADS);

        busy.held.letGo(1, 0);
        int claims = store.claims.size();
        await().until(() -> {
            claimer.turn();
            return other.held.count() == 1;
        });

        assertThat(store.claims.subList(claims, store.claims.size()).stream().flatMap(List::stream))
                .extracting(ClaimRequest::queueId)
                .doesNotContain(0);
    }

    @Test
    void lost_race_in_one_lane_does_not_delay_another_lane() {
        List<Queue> queues = queues(2);
        Queue queue = queues.get(0);
        queue.consumed.consumedElsewhere(true);
        loseRaces(queue, 6);
        await().until(() -> !queue.restsAfterShortClaim());
        queue.becomeReady(1, 1);
        queue.consumed.cursors().arrived(9, 1); // taken by another process
        queue.claims.becameReadyHere();
        queues.get(1).becomeReady(1);
        claimer.turn();
        assertThat(queue.held.count()).isZero();
        await().until(() -> !queue.restsAfterShortClaim());
        claimer.turn();

        assertThat(queue.held.count()).isOne();
    }

    @Test
    void wait_for_others_ends_before_the_next_look_at_suspects() {
        HandlerSet handlerSet = ClaimFixture.handlerSet(THREADS, 1, pool);
        Queue queue = new Queue(0, handlerSet);
        store.queues.put(0, queue);
        loseRaces(queue, 1);
        await().until(() -> !queue.restsAfterShortClaim());
        queue.claims.looksAgain = true; // as after a suspect that found no place: in 100 ms
        queue.becomeReady(1);
        long wait = claimer.turn();

        assertThat(wait).isBetween(1L, Duration.ofMillis(2).toNanos());
        await().until(() -> {
            claimer.turn();
            return queue.held.count() == 1;
        });
    }

    private void loseRaces(Queue queue, int races) {
        queue.consumed.consumedElsewhere(true);
        for (int lost = 1; lost <= races; lost++) {
            int claims = store.claims.size();
            queue.becomeReady(1);
            queue.ready.clear(); // another process was faster
            await().until(() -> {
                claimer.turn();
                return store.claims.size() > claims;
            });
        }
    }

    private void use(HandlerPool threads) {
        pool.close();
        pool = threads;
        bounds = new HeldBounds(pool, PrefetchPolicy.MOST_BYTES);
        claimer = new Claimer(store, this, pool, bounds);
    }

    private static int held(List<Queue> queues) {
        return queues.stream().mapToInt(queue -> queue.held.count()).sum();
    }

    private void awaitQuietly() {
        try {
            mayEnd.await(30, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private List<Queue> queues(int count) {
        List<Queue> queues = IntStream.range(0, count).mapToObj(Queue::new).toList();
        queues.forEach(queue -> store.queues.put(queue.id, queue));
        return queues;
    }

    @Override
    public int workerId() {
        return ClaimFixture.WORKER;
    }

    @Override
    public boolean isTrusted() {
        return trusted;
    }

    private final class Queue {
        final int id;
        final ArrayDeque<ClaimedMessage> ready = new ArrayDeque<>();
        final ConsumedQueue consumed;
        final HandlerSet handlerSet;
        final HeldMessages held;
        final QueueClaims claims;

        Queue(int id) {
            this(id, ClaimFixture.handlerSet(THREADS, 1, pool));
        }

        Queue(int id, HandlerSet handlerSet) {
            this.id = id;
            this.handlerSet = handlerSet;
            Handler handler = Handler.send("q" + id, String.class, (payload, context) -> Outcome.done())
                    .concurrency(THREADS);
            consumed = new ConsumedQueue(new HandledQueue(id, "q" + id, List.of(handler)));
            HeldLeases leases = new HeldLeases();
            held = new HeldMessages(
                    handlerSet,
                    bounds,
                    leases,
                    new ClaimFixture().starts,
                    consumed::hasLimiter,
                    released -> {},
                    () -> {},
                    others -> others.forEach(claimer::signal),
                    this::signal);
            SuspectRunner suspects = new SuspectRunner(
                    consumed,
                    store,
                    ClaimerTurnsTest.this,
                    held,
                    leases.suspectPlaces(),
                    this::signal,
                    System::nanoTime);
            claims = new QueueClaims(
                    consumed, new ClaimRules(consumed, ClaimerTurnsTest.this, () -> false), held, handlerSet, suspects);
            handlerSet.use(1);
            reported(false);
        }

        boolean restsAfterShortClaim() {
            return claims.restNanos(System.nanoTime()) > 0;
        }

        void fast() {
            handlerSet.prefetch().ran(100, Duration.ofMillis(1).toNanos());
        }

        void reported(boolean paused) {
            reported(paused, false);
        }

        void reported(boolean paused, boolean hasSuspects) {
            long[] lowest = new long[LaneCursors.PRIORITIES];
            Arrays.fill(lowest, -1);
            consumed.reported(
                    new QueueReport(
                            id,
                            "q" + id,
                            paused,
                            false,
                            3,
                            "1s",
                            false,
                            hasSuspects,
                            false,
                            QueueReport.Stop.NONE,
                            lowest,
                            false),
                    consumed.timesHeldBack());
        }

        void becomeReady(int messages, int... priorities) {
            for (int priority : priorities.length == 0 ? new int[] {4} : priorities) {
                for (int i = 0; i < messages; i++) {
                    int number = store.next++;
                    ready.add(ClaimFixture.message(
                            number, priority, new ClaimedMessage.Lease(number, 1, 0), ClaimedMessage.Counters.ZERO));
                }
                consumed.cursors().arrived(priority, 1);
            }
            signal();
        }

        void signal() {
            claimer.signal(claims);
        }
    }

    /** Answers claims from queues in memory. */
    private static final class FakeQueues extends NoLeaseStore {
        final Map<Integer, Queue> queues = new TreeMap<>();
        final List<List<ClaimRequest>> claims = new ArrayList<>();
        Predicate<List<ClaimRequest>> fails = requests -> false;
        Runnable onClaim = () -> {};
        boolean isAway;
        int next = 1;

        @Override
        public List<ClaimedMessage> claim(ClaimRequest request) {
            ask(List.of(request));
            return take(request);
        }

        @Override
        public Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests) {
            ask(requests);
            Map<Integer, List<ClaimedMessage>> claimed = new TreeMap<>();
            requests.forEach(request -> claimed.put(request.queueId(), take(request)));
            return claimed;
        }

        private void ask(List<ClaimRequest> requests) {
            claims.add(requests);
            onClaim.run();
            if (isAway) {
                throw new StoreException(
                        "no database", StoreException.Kind.UNAVAILABLE, "08006", new IllegalStateException("cut"));
            }
            if (fails.test(requests)) {
                throw new IllegalStateException("bad row");
            }
        }

        private List<ClaimedMessage> take(ClaimRequest request) {
            List<ClaimedMessage> taken = new ArrayList<>();
            for (short priority : request.priorities()) {
                var all = queues.get(request.queueId()).ready.iterator();
                while (taken.size() < request.limit() && all.hasNext()) {
                    ClaimedMessage message = all.next();
                    if (message.priority() == priority) {
                        taken.add(message);
                        all.remove();
                    }
                }
            }
            return taken;
        }
    }
}
