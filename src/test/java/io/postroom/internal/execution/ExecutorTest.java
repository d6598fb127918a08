package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.BatchHandler;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.json.JsonMapper;

/** Each way out of a run, and that it gives each message exactly one end. */
@Timeout(30)
class ExecutorTest {
    private static final RetryPolicy POLICY = RetryPolicy.fixed(3, Duration.ofSeconds(10));

    private final FakeLeaseStore store = new FakeLeaseStore();
    private final FakeTransactions transactions = new FakeTransactions();
    private final List<Completion> written = new CopyOnWriteArrayList<>();
    private final List<Completion> lost = new CopyOnWriteArrayList<>();
    private final List<MessageInterceptor> interceptors = new ArrayList<>();
    private final List<String> calls = new CopyOnWriteArrayList<>();
    private final AtomicInteger timesGivenUp = new AtomicInteger();
    private int timesAwaited;
    private volatile boolean trusted = true;
    private @Nullable HandlingErrorSend onError;
    private final TimeLimits timeLimits = new TimeLimits(() -> true, Duration.ofMillis(50));
    private final Completer completer = new Completer(store, () -> 7, () -> false, written::addAll, lost::add);

    ExecutorTest() {
        timeLimits.start();
        completer.start();
    }

    @AfterEach
    void stop() {
        timeLimits.stop();
        completer.stop();
    }

    @Test
    void message_whose_handler_does_well_is_done() {
        ClaimedMessage message = ClaimedMessages.with(ClaimedMessages.text("\"hello\""));
        assertThat(run(handler(text -> Outcome.done()), message)).isTrue();
        assertThat(ends()).containsExactly("DONE");
        assertThat(calls).containsExactly("\"hello\"");
        Awaitility.await().until(() -> written.size() == 1);
        assertThat(store.workers()).containsExactly(7);
    }

    @Test
    void handler_that_throws_costs_an_attempt() {
        run(
                handler(text -> {
                    throw new IllegalStateException("no network");
                }),
                ClaimedMessages.message());
        assertThat(ends()).containsExactly("RETRY → DELAYED retry");
        assertThat(only().failure().text()).startsWith("java.lang.IllegalStateException: no network");
        assertThat(only().delay()).isEqualTo(Duration.ofSeconds(10));
        assertThat(only().failures()).isEqualTo(1);
    }

    @Test
    void error_of_the_jvm_is_a_failure_of_the_handler() {
        run(
                handler(text -> {
                    throw new StackOverflowError("too deep");
                }),
                ClaimedMessages.message());
        assertThat(ends()).containsExactly("RETRY → DELAYED retry");
    }

    @Test
    void value_outside_its_limits_and_error_that_the_policy_rejects_are_dead() {
        run(
                handler(text -> {
                    throw new InvalidMessageException("queue", "a name", "?");
                }),
                ClaimedMessages.message());
        run(
                handler(text -> {
                            throw new IllegalStateException("never");
                        })
                        .retry(POLICY.rejectOn(IllegalStateException.class)),
                ClaimedMessages.message());
        assertThat(ends()).containsExactly("REJECT → DEAD rejected", "REJECT → DEAD rejected");
    }

    @Test
    void handling_error_send_decides_about_an_error() {
        onError = (error, context) -> Outcome.snooze(Duration.ofHours(1), error.getMessage());
        run(handler(ExecutorTest::fail), ClaimedMessages.message());
        assertThat(ends()).containsExactly("SNOOZE → DELAYED snooze");
        assertThat(only().failures()).isZero();
    }

    @Test
    void handlers_own_handling_error_send_is_asked_instead_of_the_common_one() {
        onError = (error, context) -> Outcome.done();
        run(handler(ExecutorTest::fail).onError((error, context) -> Outcome.reject("mine")), ClaimedMessages.message());
        assertThat(ends()).containsExactly("REJECT → DEAD rejected");
    }

    @Test
    void policy_decides_when_handling_error_send_throws_or_answers_null() {
        run(
                handler(ExecutorTest::fail).onError((error, context) -> {
                    throw new IllegalStateException("this, too");
                }),
                ClaimedMessages.message());
        run(handler(ExecutorTest::fail).onError((error, context) -> nothing()), ClaimedMessages.message());
        assertThat(ends()).containsExactly("RETRY → DELAYED retry", "RETRY → DELAYED retry");
        assertThat(store.completions())
                .allSatisfy(end -> assertThat(end.failure().text()).startsWith("java.io.IOException: failed"));
    }

    @Test
    void handler_or_interceptor_that_answers_null_has_failed() {
        run(handler(text -> nothing()), ClaimedMessages.message());
        interceptors.add(new MessageInterceptor() {
            @Override
            public Outcome aroundHandling(MessageContext context, java.util.concurrent.Callable<Outcome> next) {
                return nothing();
            }
        });
        run(handler(text -> Outcome.done()), ClaimedMessages.message());
        run(handler(text -> Outcome.done()).mode(HandlerMode.ATOMIC), ClaimedMessages.message());
        assertThat(ends()).containsExactly("RETRY → DELAYED retry", "RETRY → DELAYED retry", "RETRY → DELAYED retry");
        assertThat(transactions.committed).isZero();
    }

    @Test
    void undecodable_message_is_dead_and_its_handler_is_not_called() {
        Handler handler = Handler.process("q", Number[].class, (payload, context) -> called(payload));
        run(handler, ClaimedMessages.with(ClaimedMessages.text("{\"not\":\"a list\"}")));
        assertThat(ends()).containsExactly("REJECT → DEAD undecodable");
        assertThat(calls).isEmpty();
    }

    @Test
    void message_of_a_type_that_nobody_takes_waits() {
        Handler handler = Handler.process("q", Ticket.class, (payload, context) -> called(payload));
        run(handler, ClaimedMessages.with(ClaimedMessages.typed("ticket", 3)));
        assertThat(ends()).containsExactly("null → DELAYED no_handler");
        assertThat(calls).isEmpty();
    }

    @Test
    void payload_that_a_later_snapshot_shows_is_used() {
        ClaimedMessage message = ClaimedMessages.withoutPayload();
        store.shows(message.withContent(ClaimedMessages.text("7"), false, null));
        run(handler(text -> Outcome.done()), message);
        assertThat(ends()).containsExactly("DONE");
        assertThat(calls).containsExactly("7");
    }

    @Test
    void payload_that_no_snapshot_shows_delays_its_message() {
        run(handler(text -> Outcome.done()), ClaimedMessages.withoutPayload());
        assertThat(ends()).containsExactly("null → DELAYED payload_missing");
        assertThat(calls).isEmpty();
    }

    @Test
    void database_that_fails_between_claim_and_run_delays_the_message() {
        FakeLeaseStore broken = new FakeLeaseStore() {
            @Override
            public Optional<ClaimedMessage> reload(ClaimedMessage message) {
                throw new IllegalStateException("the database is away");
            }
        };
        HandledQueue queue = queue(handler(text -> Outcome.done()));
        assertThat(executor(broken, queue).run(queue, ClaimedMessages.withoutPayload(), this::giveUp))
                .isTrue();
        assertThat(ends()).containsExactly("null → DELAYED not_run");
    }

    @Test
    void expired_message_is_finished_without_a_call() {
        run(handler(text -> Outcome.done()), ClaimedMessages.expired());
        ClaimedMessage late = ClaimedMessages.withoutPayload();
        store.shows(late.withContent(ClaimedMessages.text("7"), true, null));
        run(handler(text -> Outcome.done()), late);
        assertThat(ends()).containsExactly("EXPIRED", "EXPIRED");
        assertThat(calls).isEmpty();
    }

    @Test
    void message_whose_lease_may_be_lost_is_released_without_a_call() {
        trusted = false;
        run(handler(text -> Outcome.done()), ClaimedMessages.message());
        runAll(batch(texts -> done(texts.size())), ClaimedMessages.together(2));
        assertThat(ends()).containsExactly("null → READY null", "null → READY null", "null → READY null");
        assertThat(calls).isEmpty();
    }

    @Test
    void handler_that_stops_at_its_time_limit_has_failed() {
        run(handler(ExecutorTest::untilInterrupted).timeLimit(Duration.ofMillis(1)), ClaimedMessages.message());
        assertThat(ends()).containsExactly("RETRY → DELAYED retry");
        assertThat(only().failure().text()).contains("ran longer than its time limit of 1ms");
        assertThat(only().failures()).isEqualTo(1);
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(timesGivenUp).hasValue(0);
    }

    @Test
    void handler_that_does_well_beyond_its_time_limit_is_done() {
        Handler handler = handler(text -> {
            ignoreInterrupts(() -> Thread.currentThread().isInterrupted());
            return Outcome.done();
        });
        run(handler.timeLimit(Duration.ofMillis(1)), ClaimedMessages.message());
        assertThat(ends()).containsExactly("DONE");
    }

    @Test
    void call_that_is_given_up_costs_one_attempt_and_counts_for_nothing_when_it_returns() throws Exception {
        for (String late : List.of("answers", "throws")) {
            CountDownLatch end = new CountDownLatch(1);
            Handler handler = handler(text -> {
                ignoreInterrupts(() -> end.getCount() == 0);
                return late.equals("answers") ? Outcome.done() : fail(text);
            });
            CompletableFuture<Boolean> goesOn = CompletableFuture.supplyAsync(
                    () -> run(handler.timeLimit(Duration.ofMillis(1)), ClaimedMessages.message()));
            awaitGivenUp();
            assertThat(ends()).last().isEqualTo("RETRY → DELAYED retry");
            end.countDown();
            assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        }
        assertThat(ends()).hasSize(2);
        assertThat(store.completions())
                .allSatisfy(end -> assertThat(end.failure().text())
                        .contains("ran longer than its time limit of 1ms and ignored its interrupt"));
        assertThat(timesGivenUp).hasValue(2);
    }

    @Test
    void called_off_message_counts_if_it_did_well_and_else_is_released() {
        run(handler(text -> calledOff(Outcome.done())), ClaimedMessages.message());
        run(handler(text -> calledOff(Outcome.retry("interrupted"))), ClaimedMessages.message());
        run(handler(text -> fail(String.valueOf(calledOff(Outcome.done())))), ClaimedMessages.message());
        assertThat(ends()).containsExactly("DONE", "null → READY null", "null → READY null");
        assertThat(store.completions())
                .allSatisfy(end -> assertThat(end.failures()).isZero());
    }

    @Test
    void called_off_call_that_is_given_up_releases_its_message() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Handler handler = handler(text -> {
                    timeLimits.callOffAll();
                    ignoreInterrupts(() -> end.getCount() == 0);
                    return Outcome.done();
                })
                .timeLimit(Duration.ofMillis(300));
        CompletableFuture<Boolean> goesOn =
                CompletableFuture.supplyAsync(() -> run(handler, ClaimedMessages.message()));
        awaitGivenUp();
        end.countDown();
        assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(ends()).containsExactly("null → READY null");
    }

    @Test
    void interrupt_left_over_on_the_thread_does_not_hit_the_handler() {
        Thread.currentThread().interrupt();
        run(
                handler(text -> Thread.currentThread().isInterrupted() ? fail(text) : Outcome.done()),
                ClaimedMessages.message());
        assertThat(ends()).containsExactly("DONE");
    }

    @Test
    void batch_answers_for_each_of_its_messages() {
        runAll(
                batch(texts -> List.of(Outcome.done(), Outcome.reject("no"), Outcome.retry("busy"))),
                ClaimedMessages.together(3));
        assertThat(ends()).containsExactly("DONE", "REJECT → DEAD rejected", "RETRY → DELAYED retry");
        assertThat(calls).containsExactly("[0, 1, 2]");
    }

    @Test
    void batch_that_throws_is_run_singly_and_no_failure_is_counted_for_it() {
        runAll(
                batch(texts -> texts.size() > 1 || texts.get(0).equals("1") ? failAll() : done(1)),
                ClaimedMessages.together(3));
        assertThat(ends()).containsExactly("DONE", "RETRY → DELAYED retry", "DONE");
        assertThat(store.completions().get(1).failures()).isEqualTo(1);
        assertThat(calls).containsExactly("[0, 1, 2]", "[0]", "[1]", "[2]");
    }

    @Test
    void batch_at_its_time_limit_has_failed_as_a_whole() {
        Handler handler = batch(texts -> {
            untilInterrupted("");
            return done(texts.size());
        });
        runAll(handler.timeLimit(Duration.ofMillis(1)), ClaimedMessages.together(2));
        assertThat(ends()).containsExactly("RETRY → DELAYED retry", "RETRY → DELAYED retry");
        assertThat(calls).containsExactly("[0, 1]");
    }

    @Test
    void messages_that_do_not_fit_a_batch_get_ends_of_their_own() {
        Handler numbers = Handler.batch("q", Direction.INCOMING, Number.class, 10, (payloads, contexts) -> {
            calls.add(payloads.toString());
            return done(payloads.size());
        });
        Handler tickets = Handler.process("q", Ticket.class, (payload, context) -> called(payload));
        HandledQueue queue = queue(numbers, tickets);
        List<ClaimedMessage> messages = List.of(
                ClaimedMessages.with(ClaimedMessages.text("1")),
                ClaimedMessages.with(ClaimedMessages.text("{}")),
                ClaimedMessages.expired(),
                ClaimedMessages.with(ClaimedMessages.typed("ticket", 1)),
                ClaimedMessages.withoutPayload(),
                ClaimedMessages.with(ClaimedMessages.typed("stranger", 1)),
                ClaimedMessages.with(ClaimedMessages.text("2")));
        assertThat(executor(store, queue).run(queue, messages, this::giveUp)).isTrue();
        assertThat(messages.stream().map(this::endOf))
                .containsExactly(
                        "DONE",
                        "REJECT → DEAD undecodable",
                        "EXPIRED",
                        "DONE",
                        "null → DELAYED payload_missing",
                        "null → DELAYED no_handler",
                        "DONE");
        assertThat(calls).containsExactly("[1, 2]", "Ticket[]");
    }

    @Test
    void messages_behind_a_batch_that_is_given_up_are_released() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Handler numbers = Handler.batch("q", Direction.INCOMING, Number.class, 10, (payloads, contexts) -> {
                    ignoreInterrupts(() -> end.getCount() == 0);
                    return done(payloads.size());
                })
                .timeLimit(Duration.ofMillis(1));
        Handler tickets = Handler.process("q", Ticket.class, (payload, context) -> called(payload));
        HandledQueue queue = queue(numbers, tickets);
        List<ClaimedMessage> messages = List.of(
                ClaimedMessages.with(ClaimedMessages.text("1")),
                ClaimedMessages.with(ClaimedMessages.typed("ticket", 1)),
                ClaimedMessages.with(ClaimedMessages.text("2")));
        CompletableFuture<Boolean> goesOn =
                CompletableFuture.supplyAsync(() -> executor(store, queue).run(queue, messages, this::giveUp));
        awaitGivenUp();
        end.countDown();
        assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(messages.stream().map(this::endOf))
                .containsExactly("RETRY → DELAYED retry", "null → READY null", "RETRY → DELAYED retry");
        assertThat(calls).isEmpty();
        assertThat(timesGivenUp).hasValue(1);
    }

    @Test
    void messages_behind_a_single_run_that_is_given_up_are_released() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Handler handler = batch(texts -> {
                    if (texts.size() > 1) {
                        return failAll();
                    }
                    ignoreInterrupts(() -> texts.get(0).equals("0") || end.getCount() == 0);
                    return done(1);
                })
                .timeLimit(Duration.ofMillis(1));
        CompletableFuture<Boolean> goesOn =
                CompletableFuture.supplyAsync(() -> runAll(handler, ClaimedMessages.together(3)));
        awaitGivenUp();
        end.countDown();
        assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(ends()).containsExactlyInAnyOrder("DONE", "RETRY → DELAYED retry", "null → READY null");
        assertThat(calls).containsExactly("[0, 1, 2]", "[0]", "[1]");
    }

    @Test
    void atomic_handler_that_does_well_is_completed_in_its_own_transaction() {
        run(handler(text -> Outcome.done()).mode(HandlerMode.ATOMIC), ClaimedMessages.message());
        assertThat(transactions.committed).isEqualTo(1);
        assertThat(store.inTransactions()).hasSize(1);
        assertThat(written).hasSize(1);
        assertThat(ends()).isEmpty();
    }

    @Test
    void atomic_handler_that_does_not_do_well_is_rolled_back_and_ends_as_a_leased_one() {
        List<Outcome> outcomes = List.of(
                Outcome.retry("busy"),
                Outcome.snooze(Duration.ofHours(1), "later"),
                Outcome.notNow("smtp", Duration.ofMinutes(1)),
                Outcome.reject("no"));
        outcomes.forEach(outcome -> run(handler(text -> outcome).mode(HandlerMode.ATOMIC), ClaimedMessages.message()));
        run(handler(ExecutorTest::fail).mode(HandlerMode.ATOMIC), ClaimedMessages.message());
        List<String> atomic = ends();
        assertThat(transactions.committed).isZero();
        assertThat(transactions.rolledBack).isEqualTo(5);
        assertThat(store.inTransactions()).isEmpty();

        outcomes.forEach(outcome -> run(handler(text -> outcome), ClaimedMessages.message()));
        run(handler(ExecutorTest::fail), ClaimedMessages.message());
        assertThat(ends().subList(5, 10)).isEqualTo(atomic);
        assertThat(transactions.rolledBack).isEqualTo(5);
    }

    @Test
    void atomic_handler_whose_lease_is_lost_is_rolled_back() {
        ClaimedMessage message = ClaimedMessages.message();
        store.lose(message);
        run(handler(text -> Outcome.done()).mode(HandlerMode.ATOMIC), message);
        assertThat(transactions.committed).isZero();
        assertThat(transactions.rolledBack).isEqualTo(1);
        assertThat(ends()).containsExactly("RETRY → DELAYED retry");
        assertThat(only().failure().text()).contains("was lost");
        assertThat(written).isEmpty();
        assertThat(lost).hasSize(1);
    }

    @Test
    void atomic_batch_of_which_one_does_not_do_well_is_rolled_back_and_run_singly() {
        Handler handler = batch(texts -> texts.stream()
                        .map(text -> text.equals("1") ? Outcome.retry("busy") : Outcome.done())
                        .toList())
                .mode(HandlerMode.ATOMIC);
        runAll(handler, ClaimedMessages.together(3));
        assertThat(calls).containsExactly("[0, 1, 2]", "[0]", "[1]", "[2]");
        assertThat(transactions.committed).isEqualTo(2);
        assertThat(transactions.rolledBack).isEqualTo(2);
        assertThat(store.inTransactions()).hasSize(2);
        assertThat(ends()).containsExactly("RETRY → DELAYED retry");
        Awaitility.await().until(() -> written.size() == 3);
    }

    @Test
    void called_off_atomic_handler_counts_if_it_was_committed_and_else_is_released() {
        run(handler(text -> calledOff(Outcome.done())).mode(HandlerMode.ATOMIC), ClaimedMessages.message());
        assertThat(written).hasSize(1);
        assertThat(ends()).isEmpty();
        run(handler(text -> calledOff(Outcome.reject("no"))).mode(HandlerMode.ATOMIC), ClaimedMessages.message());
        assertThat(ends()).containsExactly("null → READY null");
    }

    @MessageType("ticket")
    record Ticket() {}

    private interface Code {
        Outcome handle(String text) throws Exception;
    }

    private interface BatchCode {
        List<Outcome> handle(List<String> texts) throws Exception;
    }

    private Handler handler(Code code) {
        return Handler.process("q", String.class, (text, context) -> {
                    calls.add(text);
                    return code.handle(text);
                })
                .retry(POLICY);
    }

    private Handler batch(BatchCode code) {
        BatchHandler<String> handler = (texts, contexts) -> {
            calls.add(texts.toString());
            return code.handle(texts);
        };
        return Handler.batch("q", Direction.INCOMING, String.class, 10, handler).retry(POLICY);
    }

    private Outcome called(Object payload) {
        calls.add(String.valueOf(payload));
        return Outcome.done();
    }

    private Outcome calledOff(Outcome outcome) {
        timeLimits.callOffAll();
        return outcome;
    }

    private static Outcome fail(String text) throws Exception {
        throw new IOException("failed on " + text);
    }

    private static List<Outcome> failAll() throws Exception {
        throw new IOException("the batch failed");
    }

    private static List<Outcome> done(int count) {
        return Collections.nCopies(count, Outcome.done());
    }

    @SuppressWarnings("NullAway") // what a user's code should not answer
    private static Outcome nothing() {
        return null;
    }

    private static Outcome untilInterrupted(String text) throws InterruptedException {
        new CountDownLatch(1).await();
        return Outcome.done();
    }

    /** Takes no notice of its interrupts but for asking again. */
    private static void ignoreInterrupts(BooleanSupplier end) {
        while (!end.getAsBoolean()) {
            Thread.onSpinWait();
        }
    }

    private boolean run(Handler handler, ClaimedMessage message) {
        HandledQueue queue = queue(handler);
        return executor(store, queue).run(queue, message, this::giveUp);
    }

    private boolean runAll(Handler handler, List<ClaimedMessage> messages) {
        HandledQueue queue = queue(handler);
        return executor(store, queue).run(queue, messages, this::giveUp);
    }

    private static HandledQueue queue(Handler... handlers) {
        return new HandledQueue(ClaimedMessages.QUEUE, "q", List.of(handlers));
    }

    private Executor executor(FakeLeaseStore leases, HandledQueue queue) {
        HandlerSetup setup = new HandlerSetup(
                new HandlerRegistry(queue.handlers()),
                new Delivery(new JacksonPayloadCodec(JsonMapper.shared()), interceptors),
                Optional.ofNullable(onError),
                List.of());
        LeaseHolder holder = new LeaseHolder() {
            @Override
            public int workerId() {
                return 7;
            }

            @Override
            public boolean isTrusted() {
                return trusted;
            }
        };
        return new Executor(setup, leases, transactions, holder, timeLimits, completer);
    }

    private void giveUp() {
        timesGivenUp.incrementAndGet();
    }

    private void awaitGivenUp() {
        timesAwaited++;
        Awaitility.await().until(() -> timesGivenUp.get() == timesAwaited);
    }

    /** All ends that the completer was given, in order, as "outcome → state reason". */
    private List<String> ends() {
        assertThat(completer.drain(Duration.ofSeconds(10))).isTrue();
        return store.completions().stream().map(ExecutorTest::describe).toList();
    }

    private Completion only() {
        assertThat(store.completions()).hasSize(1);
        return store.completions().get(0);
    }

    /** The message's end, of which there must be one. */
    private String endOf(ClaimedMessage message) {
        assertThat(completer.drain(Duration.ofSeconds(10))).isTrue();
        Map<Object, List<String>> ends = store.completions().stream()
                .collect(Collectors.groupingBy(
                        end -> end.message().id(), Collectors.mapping(ExecutorTest::describe, Collectors.toList())));
        assertThat(ends.get(message.id())).hasSize(1);
        return ends.get(message.id()).get(0);
    }

    private static String describe(Completion end) {
        return switch (end.next()) {
            case FINISHED -> String.valueOf(end.outcome());
            default -> end.outcome() + " → " + end.next() + " " + end.reason();
        };
    }
}
