package io.postroom;

import io.postroom.api.DatabaseHealth;
import io.postroom.api.EngineSettings;
import io.postroom.api.FileImport;
import io.postroom.api.QueueStats;
import io.postroom.handler.QueueStatsListener;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.jobs.CarryOnOperations;
import io.postroom.internal.jobs.DeleteAbandonedQueues;
import io.postroom.internal.jobs.ExpireMessages;
import io.postroom.internal.jobs.FireSchedules;
import io.postroom.internal.jobs.ImportFiles;
import io.postroom.internal.jobs.InspectDatabase;
import io.postroom.internal.jobs.Job;
import io.postroom.internal.jobs.JobTimer;
import io.postroom.internal.jobs.LockedJob;
import io.postroom.internal.jobs.MaintainPartitions;
import io.postroom.internal.jobs.PromoteDue;
import io.postroom.internal.jobs.PublishQueueStats;
import io.postroom.internal.jobs.ReceiveMails;
import io.postroom.internal.jobs.ReleaseActiveConsumers;
import io.postroom.internal.jobs.RemoveQueueMessages;
import io.postroom.internal.jobs.ReportFailures;
import io.postroom.internal.jobs.RescueLeases;
import io.postroom.internal.jobs.SealLedger;
import io.postroom.internal.jobs.SettleBatches;
import io.postroom.internal.jobs.ShortenQueues;
import io.postroom.internal.jobs.SweepGroups;
import io.postroom.internal.jobs.TidyGroupLimits;
import io.postroom.internal.jobs.WatchUnconsumedQueues;
import io.postroom.internal.mailboxes.MailboxLoops;
import io.postroom.internal.postgres.PostgresInspection;
import io.postroom.internal.postgres.PostgresJobLocks;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.internal.schedules.ScheduledMessages;
import io.postroom.internal.storage.BatchStore;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.internal.storage.OperatorStore;
import io.postroom.internal.storage.ScheduleStore;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.Upkeep;
import io.postroom.internal.worker.Consumers;
import io.postroom.internal.worker.DueWatch;
import io.postroom.internal.worker.Engine;
import io.postroom.internal.worker.FailureLog;
import io.postroom.internal.worker.Notifier;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockProvider;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the jobs of a process, and lets other parts run one of them soon. */
final class PostroomJobs {
    private static final Logger log = LoggerFactory.getLogger(PostroomJobs.class);

    /** Nobody waits for the end of an abandoned queue: who declares it takes it over at once. */
    private static final int BEATS_BETWEEN_LOOKS = 8;

    /** A node that dies in a singleton job keeps the job from the other nodes for this long. */
    private static final Duration LONGEST_JOB = Duration.ofMinutes(30);

    /** Where polls come less often, or fail for so long, jobs look by themselves. */
    private static final Duration TOLD_FOR = Duration.ofSeconds(5);

    /** A mail that is read when a process stops is committed, or is read again by the next one. */
    private static final Duration LONGEST_STOP = Duration.ofSeconds(5);

    final JobTimer timer = new JobTimer();
    final InspectDatabase inspect;
    final WatchUnconsumedQueues unconsumed;

    private final JobStore store;
    private final DataSource engines;
    private final Notifier notifier;
    private final PromoteDue promote;
    private final CarryOnOperations redrives;
    private final ShortenQueues shorten;
    private @Nullable ReleaseActiveConsumers release;
    /** When a poll last said which jobs are needed; null: none has. */
    private volatile @Nullable Long toldNanos;

    private @Nullable FireSchedules schedules;
    private @Nullable SettleBatches batches;
    private @Nullable PublishQueueStats stats;
    private @Nullable ReceiveMails mails;
    Imports imports = new Imports(new JobTimer(), List.of(), () -> {});

    /** @param engines connections of the engine's own */
    PostroomJobs(JobStore store, DataSource engines, Notifier notifier, Consumers consumers) {
        this.store = store;
        this.engines = engines;
        this.notifier = notifier;
        promote = new PromoteDue(
                store,
                notifier::wake,
                consumers::isConsuming,
                this::isToldByPolls,
                wait -> nextScheduleIn(wait.orElse(null)));
        redrives = new CarryOnOperations(store, notifier::wake, this::isToldByPolls);
        shorten = new ShortenQueues(store, this::isToldByPolls);
        inspect = new InspectDatabase(new PostgresInspection(engines));
        unconsumed = new WatchUnconsumedQueues(store);
    }

    /** Whether polls succeed and come often enough to say when a job is needed. */
    private boolean isToldByPolls() {
        Long told = toldNanos;
        return told != null && System.nanoTime() - told < TOLD_FOR.toNanos();
    }

    void promoteSoon() {
        timer.runSoon(promote);
    }

    /** Lets jobs look anew, because the stored instants of waiting messages were set back by this much. */
    void advanced(Duration time) {
        unconsumed.advance(time);
        timer.runSoon(unconsumed);
        promote.lookAtAll();
        timer.runSoon(promote);
    }

    void operateSoon() {
        timer.runSoon(redrives);
    }

    /** Takes what fires schedules, which is made after the jobs: it creates messages, and these ask for jobs. */
    void firing(ScheduleStore store, ScheduledMessages messages) {
        schedules = new FireSchedules(store, messages);
    }

    /** @param completed called after batches were completed */
    void settling(BatchStore store, Runnable completed) {
        batches = new SettleBatches(store, completed);
    }

    /** @param worker the number of this process among the workers */
    void publishing(
            OperatorStore store,
            IntSupplier worker,
            Supplier<List<DatabaseHealth.Holder>> horizon,
            List<QueueStatsListener> listeners) {
        stats = new PublishQueueStats(store, worker, horizon, new PublishQueueStats.Taker() {
            @Override
            public void counts(List<QueueStats> queues, boolean counted) {
                tell(listeners, listener -> listener.onStats(queues, counted));
            }

            @Override
            public void horizon(List<DatabaseHealth.Holder> holders) {
                tell(listeners, listener -> listener.onHorizon(holders));
            }
        });
    }

    private static void tell(List<QueueStatsListener> listeners, java.util.function.Consumer<QueueStatsListener> what) {
        for (QueueStatsListener listener : listeners) {
            try {
                what.accept(listener);
            } catch (Throwable thrown) {
                log.warn("a QueueStatsListener failed: {}", listener.getClass().getName(), thrown);
            }
        }
    }

    void settleSoon() {
        if (batches != null) {
            timer.runSoon(batches);
        }
    }

    /** Counts and completes on this thread what it can. Answers how many batches were completed. */
    int settleAll() {
        return Objects.requireNonNull(batches).settleAll();
    }

    private void settleInTime() {
        if (batches != null) {
            timer.runSoon(batches, SettleBatches.UNDER_WAY);
        }
    }

    void fireSoon() {
        if (schedules != null) {
            schedules.lookNext();
            timer.runSoon(schedules);
        }
    }

    private void nextScheduleIn(@Nullable Duration wait) {
        if (schedules != null) {
            schedules.told(wait != null);
            if (wait != null) {
                timer.runSoon(schedules, wait);
            }
        }
    }

    /** Takes the imports of files. Each is a job, on threads apart from those of the others: it may read for minutes. */
    void importing(Collection<FileImport> settings, Stores stores, ImportedMessages messages, Supplier<Instant> clock) {
        LockProvider locks = PostgresJobLocks.on(engines);
        imports = new Imports(
                new JobTimer(),
                settings.stream()
                        .<Job>map(one -> new ImportFiles(
                                one,
                                stores.fileImports(),
                                messages,
                                locks,
                                entry -> stores.settings().find(entry),
                                clock))
                        .toList(),
                () -> {});
    }

    /** Takes the readers of mailboxes. They have threads of their own; the job starts and stops them. */
    void receiving(MailboxLoops loops) {
        mails = new ReceiveMails(loops);
        imports = new Imports(imports.timer, imports.jobs, () -> loops.stop(LONGEST_STOP));
    }

    /** Jobs that import files and what runs them, and what ends the threads of mailboxes. */
    record Imports(JobTimer timer, List<Job> jobs, Runnable end) {
        void stop() {
            timer.stop();
            end.run();
        }
    }

    /** Fires on this thread what is due. */
    void fireDue() {
        FireSchedules job = Objects.requireNonNull(schedules);
        while (job.fire().isZero()) {
            // a batch was full, or its schedules are due again
        }
    }

    /** Returns what runs a job in time when the worker learns of a due time. */
    DueWatch dueWatch() {
        return new DueTimes();
    }

    /** Returns the jobs of a process that only creates messages. */
    List<Job> ofProducer(FailureLog failures) {
        List<Job> jobs = new ArrayList<>();
        jobs.add(new ReportFailures(store, failures::buried, failures::sayHeldBack));
        jobs.add(unconsumed);
        return jobs;
    }

    /** Returns the jobs of a process with workers. */
    List<Job> ofWorker(EngineSettings settings, Engine engine, FailureLog failures) {
        List<Job> jobs = new ArrayList<>();
        jobs.add(promote);
        jobs.add(new RescueLeases(
                store, settings.leaseTime(), settings.beatInterval(), engine::hasBeatenFor, notifier::wake));
        jobs.add(new DeleteAbandonedQueues(
                store,
                settings.leaseTime(),
                settings.beatInterval().multipliedBy(BEATS_BETWEEN_LOOKS),
                engine::hasBeatenFor));
        jobs.add(new ExpireMessages(store));
        release = new ReleaseActiveConsumers(store, settings.leaseTime(), engine::hasBeatenFor, this::isToldByPolls);
        jobs.add(release);
        jobs.add(shorten);
        jobs.add(new SweepGroups(store));
        jobs.add(new TidyGroupLimits(store));
        jobs.add(redrives);
        jobs.add(new SealLedger(store));
        jobs.add(Objects.requireNonNull(schedules));
        jobs.add(Objects.requireNonNull(batches));
        if (stats != null) {
            jobs.add(stats);
        }
        jobs.add(Objects.requireNonNull(mails));
        MaintenanceStore maintenance = new PostgresMaintenance(engines);
        LockProvider locks = PostgresJobLocks.on(engines);
        jobs.add(new LockedJob(new RemoveQueueMessages(maintenance), locks, LONGEST_JOB));
        jobs.add(new LockedJob(new MaintainPartitions(maintenance), locks, LONGEST_JOB));
        jobs.add(inspect);
        jobs.addAll(ofProducer(failures));
        return jobs;
    }

    private final class DueTimes implements DueWatch {
        @Override
        public @Nullable Instant from() {
            return promote.from();
        }

        @Override
        public void nextDueIn(Duration wait) {
            timer.runSoon(promote, wait);
        }

        @Override
        public void nextScheduleIn(@Nullable Duration wait) {
            PostroomJobs.this.nextScheduleIn(wait);
        }

        @Override
        public void delayed() {
            timer.runSoon(promote);
        }

        @Override
        public void batchesUnderWay() {
            settleInTime();
        }

        @Override
        public void upkeep(Upkeep upkeep) {
            toldNanos = System.nanoTime();
            if (upkeep.activeConsumers() && release != null) {
                timer.runSoon(release, ReleaseActiveConsumers.INTERVAL);
            }
            if (upkeep.maxLengths()) {
                timer.runSoon(shorten, ShortenQueues.INTERVAL);
            }
            if (upkeep.operations()) {
                timer.runSoon(redrives, CarryOnOperations.BUSY);
            }
        }
    }
}
