package io.postroom.bench;

/**
 * What one measured part took. NaN stands for what could not be measured.
 *
 * @param clientMillis CPU of the processes that create and handle
 * @param serverMillis CPU of PostgreSQL: postmaster and all its children, those that ended included
 * @param walBytes written by the whole server
 * @param foreignCores cores that were busy with something else meanwhile; above 0.3 the rate is a lower bound
 * @param latencies of each message in nanoseconds; empty where it was not measured
 */
record Sample(
        long messages,
        double seconds,
        double clientMillis,
        double serverMillis,
        double walBytes,
        double foreignCores,
        long[] latencies) {
    /** Nothing could be measured. */
    static final Sample NONE = new Sample(0, Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, new long[0]);

    Sample with(long[] latencies) {
        return new Sample(messages, seconds, clientMillis, serverMillis, walBytes, foreignCores, latencies);
    }

    /** The work of another process of ours belongs to the client. */
    Sample plusClient(double millis) {
        return new Sample(
                messages,
                seconds,
                clientMillis + millis,
                serverMillis,
                walBytes,
                Math.max(0, foreignCores - millis / 1e3 / seconds),
                latencies);
    }

    /** Only that work is the client's; what this JVM did meanwhile was looking on. */
    Sample ofClient(double millis) {
        return new Sample(messages, seconds, millis, serverMillis, walBytes, foreignCores, latencies);
    }

    Sample atRateOf(long counted, double took) {
        return new Sample(counted, took, clientMillis, serverMillis, walBytes, foreignCores, latencies);
    }

    double rate() {
        return messages / seconds;
    }

    /** ms for 1,000 messages. */
    double clientCpu() {
        return clientMillis / messages * 1000;
    }

    double serverCpu() {
        return serverMillis / messages * 1000;
    }

    double cpu() {
        return clientCpu() + serverCpu();
    }

    double wal() {
        return walBytes / messages;
    }

    /** Percent of one core. */
    double clientLoad() {
        return clientMillis / 10 / seconds;
    }

    double serverLoad() {
        return serverMillis / 10 / seconds;
    }

    double latencyMillis(double percent) {
        return Figures.percentile(latencies, percent) / 1e6;
    }
}
