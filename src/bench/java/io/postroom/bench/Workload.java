package io.postroom.bench;

/** One of those that {@link Options#ALL} names. */
interface Workload {
    String id();

    String title();

    /** Disk it needs at its worst, without WAL. */
    long diskBytes(Options options);

    /** Takes minutes. Prints a line about each measurement. */
    WorkloadResult run(Bench bench) throws Exception;
}
