package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.done;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueSettings;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Whether a queue is ordered changes only while no claim and no enqueue is under way. */
@PostgresTest
class OrderDeclareTest extends OrderSteps {
    OrderDeclareTest(TestDatabase database) {
        super(database);
    }

    /** Whoever changes that in a long transaction must not keep all processes from all queues. */
    @Test
    void ordered_changed_in_an_open_transaction_stops_nobody_else() throws Exception {
        Connection open = begin();
        assertThat(text(open, "SELECT postroom.set_ordered('" + queue.name() + "', false)"))
                .isEqualTo("t");
        UUID elsewhere = answer(threads.submit(() -> fixture.enqueue()));
        ClaimedMessage claimed = answer(threads.submit(fixture::claimOne));
        assertThat(claimed.id()).isEqualTo(elsewhere);
        UUID here = answer(threads.submit(() -> send("a")));
        ClaimedMessage running = answer(threads.submit(() -> claimOnly(here)));
        assertThatThrownBy(open::commit).hasMessageContaining("while queue \"" + queue.name() + "\" holds messages");
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + queue.id()))
                .isEqualTo("t");
        complete(done(claimed), done(running));
        assertThat(fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', false)"))
                .isEqualTo("t");
    }

    @Test
    void ordered_does_not_change_while_a_claim_is_not_committed() throws Exception {
        send("a");
        Connection claiming = begin();
        List<ClaimedMessage> claimed = claimOn(claiming);
        assertThatThrownBy(() -> fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', false)"))
                .hasStackTraceContaining("holds messages");
        claiming.commit();
        complete(done(claimed.get(0)));
    }

    /** A message that goes from a lease to delayed while the change waits for its lock is seen only by a look after that. */
    @Test
    void ordered_does_not_change_over_a_message_that_is_delayed_while_the_lock_is_awaited() throws Exception {
        // time for the steps in between
        fixture.execute("ALTER FUNCTION postroom.require_empty() SET lock_timeout = '30s'");
        try {
            Connection sending = begin();
            fixture.stores
                    .enqueue()
                    .enqueue(
                            new StoreFixture.Plan(queue)
                                    .group("a")
                                    .delay(Duration.ofHours(1))
                                    .build(),
                            sending);
            Future<String> changed =
                    threads.submit(() -> fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', false)"));
            awaitWaiting();
            sending.commit();
            assertThatThrownBy(() -> answer(changed)).hasStackTraceContaining("holds messages");
        } finally {
            fixture.execute("ALTER FUNCTION postroom.require_empty() SET lock_timeout = '50ms'");
        }
        promote();
        complete(done(claim().get(0)));
    }

    @Test
    void transaction_that_makes_a_queue_ordered_may_send_to_it() throws Exception {
        QueueRow usual = fixture.newQueue();
        Connection open = begin();
        assertThat(text(open, "SELECT postroom.set_ordered('" + usual.name() + "', true)"))
                .isEqualTo("t");
        for (String delay : List.of("NULL", "interval '1 hour'")) {
            text(
                    open,
                    "SELECT id FROM postroom.create_message(queue => '%s', type => 't', payload => '1', group_key => 'a', delay => %s)"
                            .formatted(usual.name(), delay));
        }
        open.commit();
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + usual.id()))
                .isEqualTo("t");
        assertThat(fixture.stores.operator().purge(usual.name())).isEqualTo(2);
    }

    @Test
    void transaction_that_makes_a_queue_ordered_may_send_to_it_after_a_savepoint() throws Exception {
        QueueRow usual = fixture.newQueue();
        Connection open = begin();
        text(open, "SELECT postroom.set_ordered('" + usual.name() + "', true)");
        for (String delay : List.of("NULL", "interval '1 hour'")) {
            run(open, "SAVEPOINT before_sending");
            text(
                    open,
                    "SELECT id FROM postroom.create_message(queue => '%s', type => 't', payload => '1', group_key => 'a', delay => %s)"
                            .formatted(usual.name(), delay));
            run(open, "RELEASE before_sending");
        }
        fixture.enqueue(); // draws a number of a transaction that has ended before this one
        open.commit();
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + usual.id()))
                .isEqualTo("t");
        assertThat(fixture.stores.operator().purge(usual.name())).isEqualTo(2);
    }

    /** It began later and ended earlier: its number alone does not tell it from a savepoint of the change. */
    @Test
    void ordered_does_not_change_over_a_message_of_a_younger_transaction() throws Exception {
        QueueRow usual = fixture.newQueue();
        Connection open = begin();
        text(open, "SELECT postroom.set_ordered('" + usual.name() + "', true)");
        fixture.enqueue(new StoreFixture.Plan(usual).group("a"));
        assertThatThrownBy(open::commit).hasMessageContaining("holds messages");
        assertThat(fixture.stores.operator().purge(usual.name())).isEqualTo(1);
    }

    @Test
    void ordered_changes_only_while_the_queue_is_empty() throws Exception {
        QueueSettings unordered = QueueSettings.of(queue.name()).ordered(false);
        UUID id = send("a");
        assertThatThrownBy(() -> declared(unordered))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("ordered must be left true while queue \"" + queue.name() + "\" holds messages");
        complete(done(claimOnly(id)));
        Connection open = begin();
        text(open, "SELECT count(*) FROM postroom.queue");
        assertThatThrownBy(() -> declared(unordered))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("transactions that use queues are open");
        open.commit();
        assertThat(declared(unordered).ordered()).isFalse();
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + queue.id()))
                .isEqualTo("f");
        assertThat(fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', true)"))
                .isEqualTo("t");
        assertThat(fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', true)"))
                .isEqualTo("f");
    }
}
