package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Each way out of a run of one message, and that it gives the message exactly one end. */
class ExecutorTest extends ExecutorFixture {
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
        run(handler(ExecutorFixture::fail), ClaimedMessages.message());
        assertThat(ends()).containsExactly("SNOOZE → DELAYED snooze");
        assertThat(only().failures()).isZero();
    }

    @Test
    void handlers_own_handling_error_send_is_asked_instead_of_the_common_one() {
        onError = (error, context) -> Outcome.done();
        run(
                handler(ExecutorFixture::fail).onError((error, context) -> Outcome.reject("mine")),
                ClaimedMessages.message());
        assertThat(ends()).containsExactly("REJECT → DEAD rejected");
    }

    @Test
    void policy_decides_when_handling_error_send_throws_or_answers_null() {
        run(
                handler(ExecutorFixture::fail).onError((error, context) -> {
                    throw new IllegalStateException("this, too");
                }),
                ClaimedMessages.message());
        run(handler(ExecutorFixture::fail).onError((error, context) -> nothing()), ClaimedMessages.message());
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
    void undecodable_message_waits_for_a_day_and_its_handler_is_not_called() {
        Handler handler = Handler.process("q", Number[].class, (payload, context) -> called(payload));
        for (Duration since : List.of(Duration.ZERO, Duration.ofHours(23), Duration.ofHours(24))) {
            ClaimedMessage message = ClaimedMessages.with(ClaimedMessages.text("{\"not\":\"a list\"}"));
            if (!since.isZero()) {
                store.undecodableFor(message, since);
            }
            run(handler, message);
        }
        assertThat(ends())
                .containsExactly(
                        "UNDECODABLE → DELAYED undecodable", "null → DELAYED undecodable", "REJECT → DEAD undecodable");
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
                throw new StoreException(
                        "the database is away", StoreException.Kind.UNAVAILABLE, "08006", new IllegalStateException());
            }
        };
        HandledQueue queue = queue(handler(text -> Outcome.done()));
        assertThat(executor(broken, queue).run(queue, ClaimedMessages.withoutPayload(), this::giveUp))
                .isTrue();
        assertThat(ends()).containsExactly("RETRY → DELAYED not_run");
        assertThat(only().failures()).isZero();
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
    void destination_that_takes_nothing_is_parked_before_its_message_is_given_up() {
        run(handler(text -> Outcome.notNow("bank", Duration.ofSeconds(7))), ClaimedMessages.message());
        assertThat(ends()).containsExactly("NOT_NOW → DELAYED not_now");
        run(
                handler(ExecutorFixture::fail)
                        .onError((error, context) -> Outcome.notNow("mail", Duration.ofDays(900))),
                ClaimedMessages.message());
        run(handler(text -> Outcome.notNow("no name", Duration.ofSeconds(1))), ClaimedMessages.message());
        assertThat(store.parked).containsExactly("bank PT7S", "mail PT9600H");
    }
}
