package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.quartz.Job;
import org.quartz.JobBuilder;
import org.quartz.JobDetail;
import org.quartz.JobExecutionContext;
import org.quartz.Scheduler;
import org.quartz.SchedulerException;
import org.quartz.Trigger;
import org.quartz.TriggerBuilder;
import org.quartz.impl.StdSchedulerFactory;
import org.quartz.impl.jdbcjobstore.JobStoreTX;
import org.quartz.impl.jdbcjobstore.PostgreSQLDelegate;
import org.quartz.simpl.SimpleThreadPool;
import org.quartz.utils.ConnectionProvider;
import org.quartz.utils.DBConnectionManager;

/**
 * Quartz as a cluster node with its JDBC store. A message is a trigger of one durable job, which costs it fewer statements than a job and a
 * trigger each; a fired trigger's row is deleted.
 */
final class Quartz implements Contender {
    private static final int THREADS = 16;

    /** Tells schedulers of this JVM apart, as Quartz keeps them in a static table. */
    private static final AtomicInteger LINES = new AtomicInteger();

    private static final String PAYLOAD = "payload";
    private static final String HANDLER = "handler";

    @Override
    public String name() {
        return "quartz";
    }

    @Override
    public String settings() {
        return "clustered JobStoreTX, " + THREADS + " threads, batchTriggerAcquisitionMaxCount=" + THREADS
                + ", acquireTriggersWithinLock, idleWait 1 s, useProperties, misfireThreshold 1 h, one durable job";
    }

    @Override
    public Line open(BenchDatabase database) throws Exception {
        return openLine(database);
    }

    static QuartzLine openLine(BenchDatabase database) throws Exception {
        HikariDataSource pool = Peers.pool(database);
        Peers.runScript(pool, JobStoreTX.class, "tables_postgres.sql");
        return new QuartzLine(pool, "quartz-" + LINES.incrementAndGet());
    }

    private static Properties properties(String name) {
        Properties properties = new Properties();
        properties.setProperty("org.quartz.scheduler.instanceName", name);
        properties.setProperty("org.quartz.scheduler.instanceId", "AUTO");
        properties.setProperty("org.quartz.scheduler.idleWaitTime", "1000");
        properties.setProperty("org.quartz.scheduler.batchTriggerAcquisitionMaxCount", "" + THREADS);
        properties.setProperty("org.quartz.threadPool.class", SimpleThreadPool.class.getName());
        properties.setProperty("org.quartz.threadPool.threadCount", "" + THREADS);
        properties.setProperty("org.quartz.jobStore.class", JobStoreTX.class.getName());
        properties.setProperty("org.quartz.jobStore.driverDelegateClass", PostgreSQLDelegate.class.getName());
        properties.setProperty("org.quartz.jobStore.dataSource", name);
        properties.setProperty("org.quartz.jobStore.isClustered", "true");
        properties.setProperty("org.quartz.jobStore.acquireTriggersWithinLock", "true");
        properties.setProperty("org.quartz.jobStore.useProperties", "true");
        // Waiting in a backlog is no misfire: by default it would stop firing after a minute to put such triggers
        // right.
        properties.setProperty("org.quartz.jobStore.misfireThreshold", "3600000");
        return properties;
    }

    static final class QuartzLine implements Line {
        private final HikariDataSource pool;
        private final Scheduler scheduler;
        private final JobDetail job;
        private final AtomicLong ids = new AtomicLong();

        QuartzLine(HikariDataSource pool, String name) throws SchedulerException {
            this.pool = pool;
            DBConnectionManager.getInstance().addConnectionProvider(name, new Connections(pool));
            this.scheduler = new StdSchedulerFactory(properties(name)).getScheduler();
            this.job = JobBuilder.newJob(Message.class)
                    .withIdentity("message")
                    .storeDurably()
                    .build();
            scheduler.addJob(job, true);
        }

        HikariDataSource pool() {
            return pool;
        }

        Scheduler scheduler() {
            return scheduler;
        }

        JobDetail job() {
            return job;
        }

        @Override
        public void fill(int messages, String payload) throws SchedulerException {
            for (List<String> block : Peers.blocks(messages, payload)) {
                enqueue(block);
            }
        }

        @Override
        public void enqueue(String payload) throws SchedulerException {
            scheduler.scheduleJob(message(payload));
        }

        @Override
        public void enqueue(List<String> payloads) throws SchedulerException {
            Set<Trigger> triggers = new HashSet<>();
            for (String payload : payloads) {
                triggers.add(message(payload));
            }
            scheduler.scheduleJobs(Map.of(job, triggers), true); // true, as the job is there already
        }

        private Trigger message(String payload) {
            return TriggerBuilder.newTrigger()
                    .withIdentity(Peers.id(ids))
                    .forJob(job)
                    .usingJobData(PAYLOAD, payload)
                    .startNow()
                    .build();
        }

        @Override
        public void prepare(Consumer<String> handler) throws SchedulerException {
            scheduler.getContext().put(HANDLER, handler);
        }

        @Override
        public void begin() throws SchedulerException {
            scheduler.start();
        }

        @Override
        public long unacknowledged() throws Exception {
            return Peers.count(pool, "SELECT count(*) FROM qrtz_triggers");
        }

        @Override
        public void close() throws SchedulerException {
            scheduler.shutdown(true);
            pool.close();
        }
    }

    /** Public, with an empty constructor, for Quartz to make. */
    public static final class Message implements Job {
        @Override
        @SuppressWarnings("unchecked") // put there by prepare
        public void execute(JobExecutionContext context) {
            try {
                ((Consumer<String>) context.getScheduler().getContext().get(HANDLER))
                        .accept(context.getTrigger().getJobDataMap().getString(PAYLOAD));
            } catch (SchedulerException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** The line's pool, which Quartz shall not close. */
    private record Connections(HikariDataSource pool) implements ConnectionProvider {
        @Override
        public Connection getConnection() throws SQLException {
            return pool.getConnection();
        }

        @Override
        public void initialize() {}

        @Override
        public void shutdown() {}
    }
}
