package io.postroom.bench;

/** One of W1 to W9. */
interface Workload {
    String id();

    String title();

    /** Disk it needs at its worst, without WAL. */
    long diskBytes(Options options);

    /** Takes minutes. Prints a line about each measurement. */
    WorkloadResult run(Bench bench) throws Exception;
}
