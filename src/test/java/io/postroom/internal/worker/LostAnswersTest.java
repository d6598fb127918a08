package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.MessageIds;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.ClaimedMessage.Counters;
import io.postroom.internal.storage.ClaimedMessage.Lease;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.StartReports;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which leases are given back, and how old they must be. */
class LostAnswersTest {
    private static final int WORKER = 7;
    private static final Duration LEASE_TIME = Duration.ofMinutes(1);
    private static final Duration UNCERTAIN_AFTER = Duration.ofSeconds(2);
    private static final UUID ONE = MessageIds.next();
    private static final UUID OTHER = MessageIds.next();

    private final FakeLeases store = new FakeLeases();
    private final HeldLeases leases = new HeldLeases();
    private final List<Arrival> woken = new ArrayList<>();
    private int workerId = WORKER;
    private final LostAnswers lost = new LostAnswers(store, new Holder(), leases, notifier(), LEASE_TIME);

    @Test
    void unknown_leases_of_two_lease_times_are_asked_for_once_in_a_lease_time() {
        hold(11);
        hold(12);

        lost.release();
        lost.release();

        assertThat(store.asked).containsExactly(new Asked(WORKER, Set.of(11L, 12L), LEASE_TIME.multipliedBy(2), null));
    }

    @Test
    void message_that_may_be_stored_is_asked_for_by_its_id_after_two_seconds_and_each_time() {
        lost.release();
        store.asked.clear();
        hold(11);

        lost.mayBeStored(List.of(ONE));
        lost.release();
        lost.mayBeStored(List.of(OTHER));
        lost.release();

        assertThat(store.asked)
                .containsExactly(
                        new Asked(WORKER, Set.of(11L), UNCERTAIN_AFTER, Set.of(ONE)),
                        new Asked(WORKER, Set.of(11L), UNCERTAIN_AFTER, Set.of(ONE, OTHER)));
    }

    @Test
    void messages_that_come_back_wake_their_consumers() {
        Arrival unknown = new Arrival(new Lane(1, 4), 7, 2);
        Arrival uncertain = new Arrival(new Lane(2, 5), 9, 1);
        store.answers.add(List.of(unknown));
        store.answers.add(List.of(uncertain));
        lost.mayBeStored(List.of(ONE));

        lost.release();

        assertThat(woken).containsExactly(unknown, uncertain);
    }

    @Test
    void nobody_is_woken_when_nothing_comes_back() {
        lost.mayBeStored(List.of(ONE));

        lost.release();

        assertThat(store.asked).hasSize(2);
        assertThat(woken).isEmpty();
    }

    @Test
    void nothing_is_asked_before_the_worker_is_registered_and_all_is_afterwards() {
        workerId = 0;
        lost.mayBeStored(List.of(ONE));
        lost.release();
        assertThat(store.asked).isEmpty();

        workerId = 8;
        lost.release();

        assertThat(store.asked).extracting(Asked::workerId).containsExactly(8, 8);
        assertThat(store.asked).extracting(Asked::only).containsExactly(null, Set.of(ONE));
    }

    @Test
    void message_is_asked_for_again_after_a_failure() {
        lost.release();
        store.asked.clear();
        lost.mayBeStored(List.of(ONE));
        store.fails = true;
        assertThatThrownBy(lost::release).hasMessage("the database is away");

        store.fails = false;
        lost.release();

        assertThat(store.asked).extracting(Asked::only).containsExactly(Set.of(ONE), Set.of(ONE));
    }

    private Notifier notifier() {
        LocalConsumers consumers = arrival -> {
            woken.add(arrival);
            return false;
        };
        return new Notifier(new FakeWorkerStore(), null, consumers);
    }

    private void hold(long lease) {
        leases.taken(List.of(new ClaimedMessage(
                MessageIds.next(),
                1,
                4,
                1,
                new Lease(lease, 1, 0),
                Counters.ZERO,
                true,
                false,
                Instant.EPOCH,
                Content.NONE)));
    }

    private record Asked(
            int workerId,
            Set<Long> knownLeases,
            Duration olderThan,
            @Nullable Set<UUID> only) {}

    private final class Holder implements LeaseHolder {
        @Override
        public int workerId() {
            return workerId;
        }

        @Override
        public boolean isTrusted() {
            return true;
        }
    }

    /** Notes what it is asked to release, and answers what a test says. */
    private static final class FakeLeases implements LeaseStore {
        private final List<Asked> asked = new ArrayList<>();
        private final Deque<List<Arrival>> answers = new ArrayDeque<>();
        private boolean fails;

        @Override
        public void park(String destination, Duration time) {
            throw new UnsupportedOperationException("nothing here parks");
        }

        @Override
        public LimitedClaim claimLimited(ClaimRequest request, StartReports reports) {
            throw new UnsupportedOperationException("nothing here claims");
        }

        @Override
        public Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Arrival> releaseUnknown(
                int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only) {
            asked.add(new Asked(
                    workerId, new HashSet<>(knownLeases), olderThan, only == null ? null : new HashSet<>(only)));
            if (fails) {
                throw new IllegalStateException("the database is away");
            }
            List<Arrival> answer = answers.poll();
            return answer == null ? List.of() : answer;
        }

        @Override
        public List<ClaimedMessage> claim(ClaimRequest request) {
            throw new UnsupportedOperationException("nothing here claims");
        }

        @Override
        public Optional<Duration> undecodableSince(ClaimedMessage message) {
            throw new UnsupportedOperationException("nothing here is undecodable");
        }

        @Override
        public void announceStarts(int workerId, Map<Long, Integer> started) {
            throw new UnsupportedOperationException("nothing here starts");
        }

        @Override
        public Optional<ClaimedMessage> reload(ClaimedMessage message) {
            throw new UnsupportedOperationException("nothing here runs messages");
        }

        @Override
        public List<LeasePart> complete(int worker, List<Completion> completions) {
            throw new UnsupportedOperationException("nothing here ends");
        }

        @Override
        public List<LeasePart> complete(int worker, List<Completion> completions, Connection connection) {
            throw new UnsupportedOperationException("nothing here ends");
        }
    }
}
