package io.postroom.internal.jobs;

import io.postroom.internal.storage.DeadLetter;
import io.postroom.internal.storage.JobStore;
import java.time.Duration;
import java.util.function.Consumer;

/** Hands dead letters that jobs made to the log, and lets the log write what was held back. */
public final class ReportFailures implements Job {
    private static final Duration INTERVAL = Duration.ofSeconds(5);

    private final JobStore store;
    private final Consumer<DeadLetter> log;
    private final Runnable logHeldBack;

    public ReportFailures(JobStore store, Consumer<DeadLetter> log, Runnable logHeldBack) {
        this.store = store;
        this.log = log;
        this.logHeldBack = logHeldBack;
    }

    @Override
    public String name() {
        return "ReportFailures";
    }

    @Override
    public Duration run() {
        store.buried().forEach(log);
        logHeldBack.run();
        return INTERVAL;
    }
}
