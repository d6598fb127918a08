package io.postroom.bench;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerBuilder;
import com.github.kagkarlsson.scheduler.task.Task;
import com.github.kagkarlsson.scheduler.task.TaskInstance;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import com.zaxxer.hikari.HikariDataSource;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import javax.sql.DataSource;

/** db-scheduler, with the polling strategy it documents for high throughput. A finished task's row is deleted. */
final class DbScheduler implements Contender {
    private static final int THREADS = 16;
    private static final Duration POLL = Duration.ofMillis(100);
    private static final double FETCH_BELOW = 4.0;
    private static final double FETCH_UP_TO = 20.0;

    private final boolean immediate;

    DbScheduler() {
        this(true);
    }

    private DbScheduler(boolean immediate) {
        this.immediate = immediate;
    }

    /** Enqueuing does not wake the poller: fewer and fuller polls, paid for with latency. */
    static DbScheduler polling() {
        return new DbScheduler(false);
    }

    @Override
    public String name() {
        return immediate ? "db-scheduler" : "db-scheduler (poll)";
    }

    @Override
    public String settings() {
        return "lock-and-fetch(" + FETCH_BELOW + ", " + FETCH_UP_TO + "), " + THREADS + " threads, poll "
                + POLL.toMillis() + " ms, immediateExecution=" + immediate;
    }

    @Override
    public Line open(BenchDatabase database) throws Exception {
        HikariDataSource pool = Peers.pool(database);
        Peers.runScript(pool, DbScheduler.class, "db-scheduler.sql");
        return new DbSchedulerLine(pool, immediate);
    }

    static SchedulerBuilder builder(DataSource pool, Task<?> task, boolean immediate) {
        SchedulerBuilder builder = Scheduler.create(pool, task)
                .threads(THREADS)
                .pollingInterval(POLL)
                .pollUsingLockAndFetch(FETCH_BELOW, FETCH_UP_TO)
                .shutdownMaxWait(Duration.ofSeconds(1));
        return immediate ? builder.enableImmediateExecution() : builder;
    }

    private static final class DbSchedulerLine implements Line {
        private final HikariDataSource pool;
        private final OneTimeTask<String> task;
        private final Scheduler scheduler;
        private final AtomicLong ids = new AtomicLong();
        private volatile Consumer<String> handler = payload -> {};

        DbSchedulerLine(HikariDataSource pool, boolean immediate) {
            this.pool = pool;
            this.task = Tasks.oneTime("message", String.class)
                    .execute((instance, context) -> handler.accept(instance.getData()));
            this.scheduler = builder(pool, task, immediate).build();
        }

        @Override
        public void fill(int messages, String payload) {
            for (List<String> block : Peers.blocks(messages, payload)) {
                enqueue(block);
            }
        }

        @Override
        public void enqueue(String payload) {
            if (!scheduler.scheduleIfNotExists(message(payload), Instant.now())) {
                throw new IllegalStateException("the id was taken");
            }
        }

        @Override
        public void enqueue(List<String> payloads) {
            List<TaskInstance<?>> batch = new ArrayList<>(payloads.size());
            for (String payload : payloads) {
                batch.add(message(payload));
            }
            scheduler.scheduleBatch(batch, Instant.now());
        }

        private TaskInstance<String> message(String payload) {
            return task.instance(Peers.id(ids), payload);
        }

        @Override
        public void prepare(Consumer<String> handler) {
            this.handler = handler;
        }

        @Override
        public void begin() {
            scheduler.start();
        }

        @Override
        public long unacknowledged() throws Exception {
            return Peers.count(pool, "SELECT count(*) FROM scheduled_tasks");
        }

        @Override
        public void close() {
            scheduler.stop();
            pool.close();
        }
    }
}
