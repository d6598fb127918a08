package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.BatchHandler;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageInterceptor;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ConsumerStore.KillAnswer;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.ReplyMessage;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/**
 * An executor with a store and transactions that only remember, handlers that note their calls, and the ends that messages were given.
 * Base of the tests of the executor.
 */
@Timeout(30)
abstract class ExecutorFixture {
    static final RetryPolicy POLICY = RetryPolicy.fixed(3, Duration.ofSeconds(10));

    final FakeLeaseStore store = new FakeLeaseStore();
    final FakeTransactions transactions = new FakeTransactions();
    final List<Completion> written = new CopyOnWriteArrayList<>();
    final List<Completion> lost = new CopyOnWriteArrayList<>();
    final List<MessageInterceptor> interceptors = new ArrayList<>();
    final List<String> calls = new CopyOnWriteArrayList<>();
    final AtomicInteger timesGivenUp = new AtomicInteger();
    private int timesAwaited;
    volatile boolean trusted = true;
    /** Kill signals that were carried out, and what becomes of the next one. */
    final List<UUID> obeyed = new CopyOnWriteArrayList<>();

    KillAnswer killAnswer = new KillAnswer(KillAnswer.Kind.DONE, "");

    @Nullable
    HandlingErrorSend onError;

    HandlerEntries entries = new HandlerEntries(
            new FakeSettingsStore(),
            new EntryChecks(List.of(), new Secrets(name -> null)),
            java.util.Set::of,
            Duration.ofSeconds(1));
    final TimeLimits timeLimits = new TimeLimits(() -> true, Duration.ofMillis(50));
    private final Completer completer = new Completer(store, () -> 7, () -> false, written::addAll, lost::add);

    ExecutorFixture() {
        timeLimits.start();
        completer.start();
    }

    @AfterEach
    void stop() {
        timeLimits.stop();
        completer.stop();
    }

    @MessageType("ticket")
    record Ticket() {}

    interface Code {
        Outcome handle(String text) throws Exception;
    }

    interface BatchCode {
        List<Outcome> handle(List<String> texts) throws Exception;
    }

    Handler handler(Code code) {
        return Handler.process("q", String.class, (text, context) -> {
                    calls.add(text);
                    return code.handle(text);
                })
                .retry(POLICY);
    }

    Handler batch(BatchCode code) {
        BatchHandler<String> handler = (texts, contexts) -> {
            calls.add(texts.toString());
            return code.handle(texts);
        };
        return Handler.batch("q", Direction.INCOMING, String.class, 10, handler).retry(POLICY);
    }

    Outcome called(Object payload) {
        calls.add(String.valueOf(payload));
        return Outcome.done();
    }

    Outcome calledOff(Outcome outcome) {
        timeLimits.callOffAll();
        return outcome;
    }

    static Outcome fail(String text) throws Exception {
        throw new IOException("failed on " + text);
    }

    static List<Outcome> failAll() throws Exception {
        throw new IOException("the batch failed");
    }

    static List<Outcome> done(int count) {
        return Collections.nCopies(count, Outcome.done());
    }

    @SuppressWarnings("NullAway") // what a user's code should not answer
    static Outcome nothing() {
        return null;
    }

    static Outcome untilInterrupted(String text) throws InterruptedException {
        new CountDownLatch(1).await();
        return Outcome.done();
    }

    /** Goes on until the end, whatever interrupts come. */
    static void ignoreInterrupts(BooleanSupplier end) {
        while (!end.getAsBoolean()) {
            Thread.onSpinWait();
        }
    }

    boolean run(Handler handler, ClaimedMessage message) {
        HandledQueue queue = queue(handler);
        return executor(store, queue).run(queue, message, this::giveUp);
    }

    boolean runAll(Handler handler, List<ClaimedMessage> messages) {
        HandledQueue queue = queue(handler);
        return executor(store, queue).run(queue, messages, this::giveUp);
    }

    static HandledQueue queue(Handler... handlers) {
        return new HandledQueue(ClaimedMessages.QUEUE, "q", List.of(handlers));
    }

    Executor executor(FakeLeaseStore leases, HandledQueue queue) {
        HandlerSetup setup = new HandlerSetup(
                new HandlerRegistry(new JacksonPayloadCodec(), queue.handlers()),
                new Delivery(new JacksonPayloadCodec(), Upcasters.NONE, interceptors),
                Optional.ofNullable(onError),
                List.of(),
                ExecutorFixture::reply,
                entries);
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
        return new Executor(setup, leases, transactions, holder, timeLimits, completer, new KillSignals(this::obey));
    }

    private static ReplyMessage reply(
            String queue, UUID request, @Nullable String correlation, @Nullable Object payload) {
        Content content =
                new Content(Direction.OUTGOING, null, 0, "\"" + payload + "\"", null, null, null, correlation);
        return ReplyMessage.of(
                request, new NewMessage(MessageIds.next(), false, 0, queue, 4, content, null, null, null, null));
    }

    private KillAnswer obey(UUID message, int queueId, String queueName) {
        obeyed.add(message);
        return killAnswer;
    }

    void giveUp() {
        timesGivenUp.incrementAndGet();
    }

    void awaitGivenUp() {
        timesAwaited++;
        Awaitility.await().until(() -> timesGivenUp.get() == timesAwaited);
    }

    /** All ends that the completer was given, in order, as "outcome → state reason". */
    List<String> ends() {
        assertThat(completer.drain(Duration.ofSeconds(10))).isTrue();
        return store.completions().stream().map(ExecutorFixture::describe).toList();
    }

    Completion only() {
        assertThat(store.completions()).hasSize(1);
        return store.completions().get(0);
    }

    /** The message's end, of which there must be one. */
    String endOf(ClaimedMessage message) {
        assertThat(completer.drain(Duration.ofSeconds(10))).isTrue();
        Map<Object, List<String>> ends = store.completions().stream()
                .collect(Collectors.groupingBy(
                        end -> end.message().id(), Collectors.mapping(ExecutorFixture::describe, Collectors.toList())));
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
