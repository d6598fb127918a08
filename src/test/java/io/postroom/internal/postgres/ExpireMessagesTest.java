package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.jobs.ExpireMessages;
import io.postroom.internal.postgres.StoreFixture.Plan;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** What the job for the time to live does over many turns. */
@PostgresTest
class ExpireMessagesTest {
    private final StoreFixture fixture;
    private final ExpireMessages job;

    ExpireMessagesTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        job = new ExpireMessages(fixture.stores.jobs());
    }

    /** A message in progress is left alone at its time. It comes back long after the job has gone on behind it. */
    @Test
    void message_that_comes_back_long_after_its_time_expires_in_the_same_process() {
        UUID early = fixture.enqueue(fixture.message().timeToLive(Duration.ofHours(1)))
                .id();
        ClaimedMessage held = fixture.claimOne();
        expireAll("1 hour");
        fixture.enqueueAll(IntStream.range(0, 510)
                .mapToObj(i -> fixture.message().timeToLive(Duration.ofHours(1)))
                .toArray(Plan[]::new));
        expireAll("10 minutes");
        job.run();
        assertThat(fixture.places(early)).containsExactly("lease");
        fixture.stores.leases().complete(fixture.worker, List.of(Completion.release(held)));
        job.run();
        assertThat(fixture.places(early)).as("behind the place of the job").containsExactly("ready");
        for (int turn = 3; turn <= 42; turn++) {
            job.run();
        }
        assertThat(fixture.places(early)).containsExactly("finished");
    }

    private void expireAll(String ago) {
        fixture.execute("UPDATE postroom.message SET expires_at = clock_timestamp() - interval '" + ago
                + "' WHERE expires_at > clock_timestamp() AND queue_id = " + fixture.queue.id());
    }
}
