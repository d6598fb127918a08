package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.jobrunr.jobs.lambdas.JobRequest;
import org.jobrunr.jobs.lambdas.JobRequestHandler;
import org.jobrunr.jobs.mappers.JobMapper;
import org.jobrunr.scheduling.JobRequestScheduler;
import org.jobrunr.server.BackgroundJobServer;
import org.jobrunr.server.BackgroundJobServerConfiguration;
import org.jobrunr.storage.StorageProvider;
import org.jobrunr.storage.sql.postgres.PostgresStorageProvider;
import org.jobrunr.utils.mapper.jackson3.Jackson3JsonMapper;
import org.jspecify.annotations.Nullable;

/**
 * JobRunr, the free edition, at its shortest poll interval. Jobs are requests, which it serializes quicker than lambdas. A finished job
 * stays as a row, for 36 hours. One open line at a time in this JVM.
 */
final class JobRunr implements Contender {
    private static final int WORKERS = 16;
    private static final Duration POLL = Duration.ofSeconds(5);

    /** JobRunr makes a new handler object per job, and there is nothing to hand it over with but a container. */
    private static volatile Consumer<String> handler = payload -> {};

    @Override
    public String name() {
        return "jobrunr";
    }

    @Override
    public String settings() {
        return WORKERS + " workers, poll " + POLL.toSeconds()
                + " s (the least it allows; while busy it does not wait for it)";
    }

    @Override
    public Line open(BenchDatabase database) {
        return new JobRunrLine(Peers.pool(database));
    }

    static final class JobRunrLine implements Line {
        private final HikariDataSource pool;
        private final Jackson3JsonMapper json = new Jackson3JsonMapper();
        private final StorageProvider storage;
        private final JobRequestScheduler scheduler;
        private @Nullable BackgroundJobServer server;

        JobRunrLine(HikariDataSource pool) {
            this.pool = pool;
            this.storage = new PostgresStorageProvider(pool);
            storage.setJobMapper(new JobMapper(json));
            this.scheduler = new JobRequestScheduler(storage);
        }

        JobRequestScheduler scheduler() {
            return scheduler;
        }

        StorageProvider storage() {
            return storage;
        }

        Jackson3JsonMapper json() {
            return json;
        }

        @Override
        public void fill(int messages, String payload) {
            for (List<String> block : Peers.blocks(messages, payload)) {
                enqueue(block);
            }
        }

        @Override
        public void enqueue(String payload) {
            scheduler.enqueue(new Message(payload));
        }

        @Override
        public void enqueue(List<String> payloads) {
            scheduler.enqueue(payloads.stream().map(Message::new));
        }

        @Override
        public void prepare(Consumer<String> handler) {
            JobRunr.handler = handler;
            server = new BackgroundJobServer(
                    storage,
                    json,
                    null,
                    BackgroundJobServerConfiguration.usingStandardBackgroundJobServerConfiguration()
                            .andWorkerCount(WORKERS)
                            .andPollInterval(POLL)
                            // One second to finish, one to save.
                            .andInterruptJobsAwaitDurationOnStopBackgroundJobServer(Duration.ofSeconds(2)));
        }

        @Override
        public void begin() {
            if (server == null) {
                throw new IllegalStateException("not prepared");
            }
            server.start();
        }

        /** Written so that the index on the state serves it: many finished jobs lie around. */
        @Override
        public long unacknowledged() throws Exception {
            return Peers.count(
                    pool, "SELECT count(*) FROM jobrunr_jobs WHERE state < 'SUCCEEDED' OR state > 'SUCCEEDED'");
        }

        @Override
        public void close() {
            if (server != null) {
                server.stop();
            }
            storage.close();
            pool.close();
            JobRunr.handler = payload -> {};
        }
    }

    /** Public, with an empty constructor, for JobRunr and Jackson to make. */
    public static final class Message implements JobRequest {
        private String payload = "";

        public Message() {}

        Message(String payload) {
            this.payload = payload;
        }

        @Override
        public Class<MessageHandler> getJobRequestHandler() {
            return MessageHandler.class;
        }
    }

    /** Public, as JobRunr calls it by reflection. */
    public static final class MessageHandler implements JobRequestHandler<Message> {
        @Override
        public void run(Message message) {
            handler.accept(message.payload);
        }
    }
}
