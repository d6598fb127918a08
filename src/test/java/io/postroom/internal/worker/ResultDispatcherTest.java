package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Attempt;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.PathStep;
import io.postroom.api.SendResult;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.MessageQueries;
import io.postroom.internal.storage.NextState;
import io.postroom.internal.storage.Upkeep;
import io.postroom.testing.NoTransactions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Who hears of a result. */
class ResultDispatcherTest {
    private static final int QUEUE = 1;

    private final HeldLeases leases = new HeldLeases();
    private final SendFutures futures = new SendFutures(new NoQueries(), Runnable::run);
    private final OwnSends ownSends = new OwnSends();
    private final List<MessageEvent> events = new ArrayList<>();
    private final DeadLetterStore store = new DeadLetterStore();
    private final List<Arrival> woken = new ArrayList<>();
    private final CountingDueWatch due = new CountingDueWatch();
    private final ClaimedMessage message = claimed();
    private final ResultDispatcher results = dispatcher(events::add);

    @Test
    void written_result_completes_its_futures_and_frees_its_lease() {
        CompletableFuture<SendResult> sent = futures.watch(message.id());
        CompletableFuture<Completion> own = ownSends.begin(message.id());
        leases.taken(List.of(message));
        Completion done = Completion.done(message, 0, 5);

        results.written(List.of(done));

        assertThat(sent.join().state()).isEqualTo(MessageState.DONE);
        assertThat(own.join()).isEqualTo(done);
        assertThat(leases.ids()).isEmpty();
        assertThat(events)
                .containsExactly(new MessageEvent(message.id(), "q", MessageState.DONE, "done", Duration.ofNanos(5)));
        assertThat(woken).isEmpty();
        assertThat(due.delayed).isZero();
    }

    @Test
    void future_of_a_message_that_will_be_tried_again_stays_open() {
        CompletableFuture<SendResult> sent = futures.watch(message.id());

        results.written(List.of(delayed()));

        assertThat(sent).isNotDone();
        assertThat(due.delayed).isEqualTo(1);
        assertThat(events).extracting(MessageEvent::state).containsExactly(MessageState.DELAYED);
    }

    @Test
    void lane_of_released_messages_is_woken_once() {
        results.written(List.of(Completion.release(message), Completion.release(claimed())));

        assertThat(woken).containsExactly(new Arrival(new Lane(QUEUE, 4), Long.MAX_VALUE, 0));
    }

    @Test
    void lost_result_frees_its_lease_and_fails_the_waiting_caller() {
        CompletableFuture<Completion> own = ownSends.begin(message.id());
        leases.taken(List.of(message));

        results.lost(Completion.done(message, 0, 5));

        assertThat(leases.ids()).isEmpty();
        assertThat(events).isEmpty();
        assertThatThrownBy(own::join).isInstanceOf(CompletionException.class).hasMessageContaining("lease was lost");
    }

    @Test
    void listener_that_throws_keeps_nothing_from_the_others() {
        ResultDispatcher two = dispatcher(
                event -> {
                    throw new IllegalStateException("on purpose");
                },
                events::add);

        two.written(List.of(Completion.release(message)));

        assertThat(events).hasSize(1);
        assertThat(woken).hasSize(1);
    }

    @Test
    void consumers_are_woken_where_dead_letters_went_on_to() {
        store.passedOn = Set.of(new Lane(7, 4), new Lane(8, 4));
        results.written(List.of(Completion.done(message, 0, 5)));
        assertThat(woken).isEmpty();
        results.written(List.of(dead()));
        assertThat(store.asked).containsExactly(message.id());
        assertThat(woken)
                .containsExactlyInAnyOrder(Arrival.somewhereIn(new Lane(7, 4)), Arrival.somewhereIn(new Lane(8, 4)));
    }

    private Completion dead() {
        return new Completion(message, AttemptOutcome.REJECT, NextState.DEAD, Duration.ZERO, "rejected", null, 1, 0, 5);
    }

    private static final class DeadLetterStore extends FakeWorkerStore {
        private final List<UUID> asked = new ArrayList<>();
        private Set<Lane> passedOn = Set.of();

        @Override
        public Set<Lane> passedOn(Collection<UUID> dead) {
            asked.addAll(dead);
            return passedOn;
        }
    }

    private ResultDispatcher dispatcher(PostroomListener... listeners) {
        Consumers consumers = new Consumers(true);
        consumers.declare(new ConsumedQueue(new HandledQueue(QUEUE, "q", List.of())));
        Notifier notifier = new Notifier(new FakeWorkerStore(), null, (LocalConsumers) woken::add);
        return new ResultDispatcher(
                leases,
                futures,
                ownSends,
                List.of(listeners),
                consumers,
                due,
                notifier,
                new FailureLog(),
                new SentReplies(notifier),
                new PassedOnLetters(store, notifier, Runnable::run),
                new NoTransactions());
    }

    private Completion delayed() {
        return new Completion(
                message, AttemptOutcome.RETRY, NextState.DELAYED, Duration.ofSeconds(1), "retry", null, 1, 0, 5);
    }

    private static ClaimedMessage claimed() {
        return new ClaimedMessage(
                MessageIds.next(),
                QUEUE,
                4,
                1,
                new ClaimedMessage.Lease(9, 1, 0),
                ClaimedMessage.Counters.ZERO,
                true,
                false,
                null,
                Content.NONE);
    }

    private static final class CountingDueWatch implements DueWatch {
        private int delayed;

        @Override
        public @Nullable Instant from() {
            return null;
        }

        @Override
        public void nextDueIn(Duration wait) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void nextScheduleIn(@Nullable Duration wait) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void delayed() {
            delayed++;
        }

        @Override
        public void batchesUnderWay() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void upkeep(Upkeep upkeep) {
            throw new UnsupportedOperationException();
        }
    }

    private static final class NoQueries implements MessageQueries {
        @Override
        public Optional<Message> find(UUID id) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Message> find(MessageFilter filter) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Message> findWithoutPayloads(MessageFilter filter) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Message> next(MessageFilter filter) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Message> removable(MessageFilter filter) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Attempt> history(UUID id) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<PathStep> path(String correlationId, int limit) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<String> explain(UUID id) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Map<UUID, MessageState> states(Collection<UUID> ids) {
            throw new UnsupportedOperationException();
        }
    }
}
