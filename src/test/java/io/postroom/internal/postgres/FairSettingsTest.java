package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What is refused when a queue is made fair, or ordered, or a group of it gets a weight. */
@PostgresTest
class FairSettingsTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final QueueRow queue;

    FairSettingsTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        queue = fixture.newQueue();
    }

    @Test
    void weight_in_a_queue_that_is_not_fair_or_is_deleted_is_refused() {
        String weigh = "SELECT postroom.set_group_weight('" + queue.name() + "', 'b', 2)";
        String refusal = "queue must be the name of a fair queue that is not deleted, got \"" + queue.name() + "\"";
        assertThatThrownBy(() -> fixture.execute(weigh)).hasStackTraceContaining(refusal);
        fixture.execute("SELECT postroom.set_fair('" + queue.name() + "', true)");
        fixture.execute(weigh);
        fixture.execute("SELECT postroom.delete_queue('" + queue.name() + "')");
        assertThatThrownBy(() -> fixture.execute(weigh)).hasStackTraceContaining(refusal);
    }

    @Test
    void deleted_queue_that_was_ordered_cannot_be_declared_fair() {
        String deleted = queue.name() + ".deleted";
        fixture.execute("SELECT postroom.declare_queue('" + deleted + "', ordered => true)");
        fixture.execute("SELECT postroom.delete_queue('" + deleted + "')");
        assertThatThrownBy(() -> fixture.stores
                        .queues()
                        .declare(QueueSettings.of(deleted).fair(true)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("fair must be false for an ordered queue");
    }

    @Test
    void fair_queue_declared_ordered_is_refused_in_the_words_of_the_api() {
        fixture.execute("SELECT postroom.set_fair('" + queue.name() + "', true)");
        assertThatThrownBy(() -> fixture.stores
                        .queues()
                        .declare(QueueSettings.of(queue.name()).ordered(true)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("ordered must be false while queue \"" + queue.name() + "\" is fair");
    }

    /** It has read the queue before it became fair. */
    @Test
    void set_ordered_that_waits_for_set_fair_is_refused() throws Exception {
        try (Connection first = database.connect();
                Statement steps = first.createStatement()) {
            first.setAutoCommit(false);
            steps.execute("SELECT postroom.set_fair('" + queue.name() + "', true)");
            CompletableFuture<Void> second = CompletableFuture.runAsync(
                    () -> fixture.execute("SELECT postroom.set_ordered('" + queue.name() + "', true)"));
            Awaitility.await().until(() -> fixture.number("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0);
            first.commit();
            assertThatThrownBy(second::join)
                    .hasStackTraceContaining("ordered must be false while queue \"" + queue.name() + "\" is fair");
        }
    }
}
