package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.WorkerStore.RunSoon;
import io.postroom.testing.PostgresTest;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** Messages that wait for an entry of an external system, and the calls that let them go on. */
@PostgresTest
class RunWaitingSoonTest {
    private final StoreFixture fixture;

    RunWaitingSoonTest(DataSource pool) {
        fixture = new StoreFixture(pool);
    }

    /** Begins to wait, as the message of a process does that cannot use the entry. */
    private void wait(String reason) {
        fixture.execute("INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)"
                + " VALUES (now() + interval '10 minutes', " + fixture.queue.id() + ", 4, postroom.new_id(), '" + reason
                + "')");
    }

    private RunSoon runSoon(String entry, String before) {
        return fixture.stores.workers().runWaitingSoon(entry, before);
    }

    @Test
    void bound_of_a_call_leaves_what_has_begun_to_wait_since() {
        wait("settings:billing");
        wait("secret:billing");
        wait("secret:other");
        RunSoon first = runSoon("billing", null);
        assertThat(first.messages()).isEqualTo(2);
        fixture.execute("UPDATE postroom.delayed SET due_at = now() + interval '10 minutes'"
                + " WHERE reason = 'secret:billing' AND queue_id = " + fixture.queue.id());
        wait("secret:billing");
        assertThat(runSoon("billing", first.bound()).messages()).isZero();
        assertThat(runSoon("other", first.bound()).messages())
                .as("it waited before")
                .isOne();
        assertThat(runSoon("billing", null).messages()).isEqualTo(2);
    }
}
