package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.ClaimedMessage.Counters;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.NextState;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every way an attempt may end, with every figure that is written about it. */
class StateTransitionsTest {
    private static final int LIMIT = 3;
    private static final RetryPolicy POLICY =
            RetryPolicy.delays(LIMIT, List.of(Duration.ofSeconds(10), Duration.ofMinutes(1)));
    private static final RetryPolicy ENDLESS = new RetryPolicy() {
        @Override
        public int attempts() {
            return Integer.MAX_VALUE;
        }

        @Override
        public Duration delayAfter(int failures) {
            return Duration.ofSeconds(failures);
        }
    };
    private static final int MAX = Short.MAX_VALUE;
    private static final int[] FAILURES = {0, 1, LIMIT - 1, LIMIT, MAX};
    private static final Duration ZERO = Duration.ZERO;
    private static final long STARTED = 17;
    private static final Throwable AWAY = new StoreException(
            "the database is away", StoreException.Kind.UNAVAILABLE, "08006", new IllegalStateException());

    /** What a case says of the completion, without the message and the times. */
    private record End(
            @Nullable AttemptOutcome outcome,
            NextState next,
            Duration delay,
            @Nullable String reason,
            @Nullable String failure,
            int failures) {
        static End of(Completion completion) {
            return new End(
                    completion.outcome(),
                    completion.next(),
                    completion.delay(),
                    completion.reason(),
                    completion.failure() == null ? null : completion.failure().text(),
                    completion.failures());
        }
    }

    private record Case(String name, int failures, RetryPolicy policy, Outcome outcome, boolean threw, End expected) {
        Completion run() {
            ClaimedMessage message = ClaimedMessages.with(new Counters(failures, 2, failures + 5));
            return StateTransitions.of(message, outcome, threw ? THROWN : null, policy, STARTED);
        }

        @Override
        public String toString() {
            return name + " after " + failures + " failures" + (threw ? ", thrown" : "");
        }
    }

    private static final Failure THROWN = new Failure("java.lang.Error", "it threw", "print");

    static Stream<Case> cases() {
        return Stream.of(
                        whatever("Done", Outcome.done(), count -> finished(AttemptOutcome.DONE, count)),
                        whatever(
                                "Snooze",
                                Outcome.snooze(Duration.ofHours(2), "at night"),
                                count -> delayed(
                                        AttemptOutcome.SNOOZE, Duration.ofHours(2), "snooze", "at night", count)),
                        whatever(
                                "NotNow",
                                Outcome.notNow("smtp", Duration.ofMinutes(3)),
                                count -> delayed(
                                        AttemptOutcome.NOT_NOW,
                                        Duration.ofMinutes(3),
                                        "not_now",
                                        "smtp takes nothing now",
                                        count)),
                        bothWays(
                                "Reject",
                                Outcome.reject("no such address"),
                                (count, text) -> new End(
                                        AttemptOutcome.REJECT,
                                        NextState.DEAD,
                                        ZERO,
                                        "rejected",
                                        text,
                                        Math.min(count + 1, MAX))),
                        bothWays("Retry", Outcome.retry("busy"), (count, text) -> switch (count) {
                            case 0 -> delayed(AttemptOutcome.RETRY, Duration.ofSeconds(10), "retry", text, 1);
                            case 1 -> delayed(AttemptOutcome.RETRY, Duration.ofMinutes(1), "retry", text, 2);
                            default -> spent(text, Math.min(count + 1, MAX));
                        }),
                        bothWays(
                                "Retry with its own delay",
                                Outcome.retry(Duration.ofSeconds(7), "busy"),
                                (count, text) -> count + 1 < LIMIT
                                        ? delayed(AttemptOutcome.RETRY, Duration.ofSeconds(7), "retry", text, count + 1)
                                        : spent(text, Math.min(count + 1, MAX))),
                        Stream.of(
                                new Case(
                                        "Retry of a policy without end",
                                        MAX,
                                        ENDLESS,
                                        Outcome.retry("busy"),
                                        false,
                                        delayed(AttemptOutcome.RETRY, Duration.ofSeconds(MAX), "retry", "busy", MAX)),
                                new Case(
                                        "Retry beyond the horizon",
                                        0,
                                        POLICY,
                                        Outcome.retry(Duration.ofDays(401), "busy"),
                                        false,
                                        delayed(AttemptOutcome.RETRY, Duration.ofDays(400), "retry", "busy", 1)),
                                new Case(
                                        "Snooze beyond the horizon",
                                        0,
                                        POLICY,
                                        Outcome.snooze(Duration.ofSeconds(Long.MAX_VALUE), "for ever"),
                                        false,
                                        delayed(AttemptOutcome.SNOOZE, Duration.ofDays(400), "snooze", "for ever", 0)),
                                new Case(
                                        "NotNow beyond the horizon",
                                        0,
                                        POLICY,
                                        Outcome.notNow("smtp", Duration.ofDays(500)),
                                        false,
                                        delayed(
                                                AttemptOutcome.NOT_NOW,
                                                Duration.ofDays(400),
                                                "not_now",
                                                "smtp takes nothing now",
                                                0)),
                                new Case(
                                        "Retry of a policy of one attempt",
                                        0,
                                        RetryPolicy.fixed(1, ZERO),
                                        Outcome.retry("busy"),
                                        false,
                                        spent("busy", 1))))
                .flatMap(some -> some);
    }

    private interface Expected {
        End of(int failures, String text);
    }

    /** HandlingErrorSend may answer any outcome for an error: the text is the outcome's own where it says why, else the error's. */
    private static Stream<Case> whatever(String name, Outcome outcome, Function<Integer, End> expected) {
        return IntStream.of(FAILURES)
                .boxed()
                .flatMap(count -> Stream.of(false, true)
                        .map(threw -> new Case(name, count, POLICY, outcome, threw, expected.apply(count))));
    }

    private static Stream<Case> bothWays(String name, Outcome outcome, Expected expected) {
        String said = name.startsWith("Retry") ? "busy" : "no such address";
        return IntStream.of(FAILURES)
                .boxed()
                .flatMap(count -> Stream.of(
                        new Case(name, count, POLICY, outcome, false, expected.of(count, said)),
                        new Case(name, count, POLICY, outcome, true, expected.of(count, "it threw"))));
    }

    private static End finished(AttemptOutcome outcome, int failures) {
        return new End(outcome, NextState.FINISHED, ZERO, null, null, failures);
    }

    private static End delayed(
            @Nullable AttemptOutcome outcome, Duration delay, String reason, @Nullable String failure, int failures) {
        return new End(outcome, NextState.DELAYED, delay, reason, failure, failures);
    }

    private static End spent(String failure, int failures) {
        return new End(AttemptOutcome.FAILED, NextState.DEAD, ZERO, "attempts_spent", failure, failures);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void outcome_decides_state_delay_reason_and_count(Case one) {
        Completion completion = one.run();
        assertThat(End.of(completion)).isEqualTo(one.expected());
        assertThat(completion.startedNanos()).isEqualTo(STARTED);
        assertThat(completion.finishedNanos() - System.nanoTime()).isNotPositive();
    }

    @Test
    void note_that_cannot_be_stored_is_replaced_and_the_message_is_finished_all_the_same() {
        Completion end = StateTransitions.of(message(0, 0), Outcome.done("it"), null, POLICY, STARTED);
        assertThat(end.note()).isEqualTo("it");
        assertThat(end.withoutDetails().note()).isEqualTo("the note's own text could not be stored");
        assertThat(End.of(end.withoutDetails()))
                .isEqualTo(End.of(StateTransitions.of(message(0, 0), Outcome.done(), null, POLICY, STARTED)));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, LIMIT, MAX})
    void undecodable_message_is_dead_after_24_hours_and_no_failure_is_counted(int failures) {
        Completion completion = StateTransitions.undecodable(
                message(failures, 0), new IllegalStateException("no JSON"), Optional.of(Duration.ofHours(24)), STARTED);
        assertThat(End.of(completion).failure()).startsWith("java.lang.IllegalStateException: no JSON");
        assertThat(completion.failure().errorClass()).isEqualTo("java.lang.IllegalStateException");
        assertThat(End.of(completion.withoutDetails()))
                .isEqualTo(new End(
                        AttemptOutcome.REJECT,
                        NextState.DEAD,
                        ZERO,
                        "undecodable",
                        "the error's own text could not be stored",
                        failures));
        assertThat(completion.startedNanos()).isEqualTo(STARTED);
    }

    @Test
    void undecodable_message_waits_as_long_again_as_it_has_waited_and_says_why_once() {
        Completion first = StateTransitions.undecodable(
                message(2, 0), new IllegalStateException("no JSON"), Optional.empty(), STARTED);
        assertThat(first.failure().text()).startsWith("java.lang.IllegalStateException: no JSON");
        assertThat(End.of(first))
                .isEqualTo(delayed(
                        AttemptOutcome.UNDECODABLE,
                        Duration.ofSeconds(30),
                        "undecodable",
                        first.failure().text(),
                        2));
        for (long seconds : List.of(0L, 45L, 240L, 86_399L)) {
            assertThat(End.of(StateTransitions.undecodable(
                            message(2, 0), new Error(), Optional.of(Duration.ofSeconds(seconds)), STARTED)))
                    .isEqualTo(delayed(
                            null, Duration.ofSeconds(Math.min(600, Math.max(30, seconds))), "undecodable", null, 2));
        }
    }

    @Test
    void message_without_a_handler_waits_30_s_and_twice_as_long_each_time_up_to_10_min() {
        assertThat(delays(StateTransitions::noHandler)).containsExactly(30L, 60L, 120L, 240L, 480L, 600L, 600L);
        assertThat(End.of(StateTransitions.noHandler(message(2, MAX))))
                .isEqualTo(delayed(null, Duration.ofMinutes(10), "no_handler", null, 2));
    }

    @Test
    void message_without_a_payload_waits_1_s_and_twice_as_long_each_time_up_to_10_min() {
        assertThat(delays(StateTransitions::payloadMissing)).containsExactly(1L, 2L, 4L, 8L, 16L, 32L, 64L);
        assertThat(End.of(StateTransitions.payloadMissing(message(2, MAX))))
                .isEqualTo(delayed(null, Duration.ofMinutes(10), "payload_missing", null, 2));
    }

    private static List<Long> delays(Function<ClaimedMessage, Completion> transition) {
        return IntStream.range(0, 7)
                .mapToObj(deliveries ->
                        transition.apply(message(0, deliveries)).delay().toSeconds())
                .toList();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, LIMIT - 1, LIMIT, MAX})
    void message_that_was_not_run_because_the_store_is_away_waits_and_spends_nothing(int failures) {
        Completion end = StateTransitions.notRun(message(failures, 1), AWAY, POLICY);
        assertThat(end.outcome()).isEqualTo(AttemptOutcome.RETRY);
        assertThat(end.next()).isEqualTo(NextState.DELAYED);
        assertThat(end.reason()).isEqualTo("not_run");
        assertThat(end.failures()).isEqualTo(failures);
        assertThat(end.failure().text())
                .startsWith("the message could not be run: ")
                .contains("the database is away");
        assertThat(delays(message -> StateTransitions.notRun(message, AWAY, POLICY)))
                .containsExactly(10L, 20L, 40L, 80L, 160L, 320L, 600L);
    }

    @Test
    void message_that_cannot_be_run_is_dead_after_its_attempts() {
        assertThat(StateTransitions.notRun(message(0, 1), new AssertionError("a bug"), POLICY))
                .satisfies(end -> assertThat(end.next()).isEqualTo(NextState.DELAYED))
                .satisfies(end -> assertThat(end.outcome()).isEqualTo(AttemptOutcome.RETRY))
                .satisfies(end -> assertThat(end.failures()).isEqualTo(1));
        assertThat(StateTransitions.notRun(message(LIMIT - 1, 1), new AssertionError("a bug"), POLICY))
                .satisfies(end -> assertThat(end.next()).isEqualTo(NextState.DEAD))
                .satisfies(end -> assertThat(end.reason()).isEqualTo("attempts_spent"))
                .satisfies(end -> assertThat(end.failure().text())
                        .startsWith("the message could not be run: java.lang.AssertionError: a bug"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, LIMIT - 1, LIMIT, MAX})
    void expired_message_is_finished_and_spends_nothing(int failures) {
        assertThat(End.of(StateTransitions.expired(message(failures, 1))))
                .isEqualTo(finished(AttemptOutcome.EXPIRED, failures));
    }

    @Test
    void every_end_is_a_legal_move_and_every_legal_move_of_the_engine_is_an_end() {
        Set<MessageState> reached = Stream.concat(
                        cases().map(Case::run),
                        Stream.of(
                                StateTransitions.undecodable(message(0, 0), new Error(), Optional.empty(), STARTED),
                                StateTransitions.noHandler(message(0, 0)),
                                StateTransitions.payloadMissing(message(0, 0)),
                                StateTransitions.notRun(message(0, 0), AWAY, POLICY),
                                StateTransitions.expired(message(0, 0)),
                                Completion.release(message(0, 0))))
                .map(completion -> completion.next().state(completion.outcome()))
                .collect(Collectors.toSet());
        Set<MessageState> legal = EnumSet.copyOf(MessageState.IN_PROGRESS.next());
        legal.remove(MessageState.CANCELLED); // an operator's move
        assertThat(reached).isEqualTo(legal);
    }

    private static ClaimedMessage message(int failures, int deliveries) {
        return ClaimedMessages.with(new Counters(failures, 0, deliveries));
    }
}
