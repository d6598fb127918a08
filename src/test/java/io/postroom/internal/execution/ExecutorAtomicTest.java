package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.storage.ClaimedMessage;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What an ATOMIC handler commits in its own transaction, and what is rolled back and ends as under a lease. */
class ExecutorAtomicTest extends ExecutorFixture {
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
        run(handler(ExecutorFixture::fail).mode(HandlerMode.ATOMIC), ClaimedMessages.message());
        List<String> atomic = ends();
        assertThat(transactions.committed).isZero();
        assertThat(transactions.rolledBack).isEqualTo(5);
        assertThat(store.inTransactions()).isEmpty();

        outcomes.forEach(outcome -> run(handler(text -> outcome), ClaimedMessages.message()));
        run(handler(ExecutorFixture::fail), ClaimedMessages.message());
        assertThat(ends().subList(5, 10)).isEqualTo(atomic);
        assertThat(transactions.rolledBack).isEqualTo(5);
    }

    @Test
    void atomic_transaction_that_is_always_cut_off_at_its_commit_spends_attempts_in_the_end() {
        transactions.onCommit = new SQLException("canceling statement due to statement timeout", "57014");
        Handler handler = handler(text -> Outcome.done()).mode(HandlerMode.ATOMIC);
        run(handler, ClaimedMessages.with(new ClaimedMessage.Counters(0, 0, StateTransitions.FREE_CUT_OFFS - 1)));
        run(handler, ClaimedMessages.with(new ClaimedMessage.Counters(0, 0, StateTransitions.FREE_CUT_OFFS)));
        assertThat(ends()).containsExactly("null → DELAYED not_run", "RETRY → DELAYED retry");
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
}
