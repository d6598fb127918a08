package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.jobs.LockedJob;
import io.postroom.internal.jobs.MaintainPartitions;
import io.postroom.internal.jobs.RemoveQueueMessages;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.core.SimpleLock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Locks of jobs that run in one process at a time. Two providers stand for two processes of one host. */
@PostgresTest
class JobLocksTest {
    private final DataSource pool;
    private final JdbcClient sql;

    JobLocksTest(DataSource pool) {
        this.pool = pool;
        this.sql = JdbcClient.create(pool);
    }

    @BeforeEach
    void no_locks() {
        sql.sql("DELETE FROM postroom.shedlock").update();
    }

    @Test
    void process_that_outlived_its_lock_does_not_free_the_lock_of_its_successor() {
        LockProvider late = PostgresJobLocks.on(pool);
        LockProvider successor = PostgresJobLocks.on(pool);
        LockProvider third = PostgresJobLocks.on(pool);
        SimpleLock outlived = late.lock(configuration()).orElseThrow();
        sql.sql("UPDATE postroom.shedlock SET lock_until = timezone('utc', clock_timestamp()) - interval '1 second'")
                .update();
        assertThat(successor.lock(configuration())).isPresent();

        outlived.unlock();

        assertThat(third.lock(configuration())).isEmpty();
    }

    @Test
    void job_that_had_no_turn_for_a_day_is_said_with_the_owner_of_its_lock() {
        PostgresMaintenance maintenance = new PostgresMaintenance(pool);
        LockProvider locks = PostgresJobLocks.on(pool);
        new LockedJob(new RemoveQueueMessages(maintenance), locks, Duration.ofMinutes(30)).run();
        new LockedJob(new MaintainPartitions(maintenance), locks, Duration.ofMinutes(30)).run();
        assertThat(warnings(Duration.ZERO)).isEmpty();

        sql.sql("UPDATE postroom.shedlock SET locked_at = locked_at - interval '25 hours', locked_by = 'host-7'")
                .update();

        assertThat(warnings(Duration.ZERO))
                .hasSize(2)
                .allMatch(said -> said.contains("its lock is of host-7"))
                .anyMatch(said -> said.startsWith("job postroom.MaintainPartitions has had no turn"))
                .anyMatch(said -> said.startsWith("job postroom.RemoveQueueMessages has had no turn"));
        assertThat(warnings(Duration.ofHours(2)))
                .as("of a process that has just started")
                .isEmpty();
    }

    private List<String> warnings(Duration untilJobsHadTurns) {
        return new PostgresInspection(pool, untilJobsHadTurns).inspect().warnings();
    }

    private static LockConfiguration configuration() {
        return new LockConfiguration(Instant.now(), "postroom.JobLocksTest", Duration.ofMinutes(30), Duration.ZERO);
    }
}
