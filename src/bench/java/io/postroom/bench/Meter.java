package io.postroom.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.stream.Stream;

/**
 * CPU time of this JVM, of a local PostgreSQL and of everything else on the machine, and the WAL written, between two {@link Mark}s.
 *
 * <p>The server is its postmaster, all living children, and those that have ended (the postmaster's waited-for children). Of a remote
 * server, or without /proc, its CPU is NaN. Not thread-safe.
 */
final class Meter {
    private static final double MILLIS_PER_TICK = 10;
    /** Backends that are leaving hand their CPU time to the postmaster within this time. */
    private static final int LEAVING_MILLIS = 300;

    private final Connection connection;
    /** 0: not on this machine. */
    private final long postmaster;

    /** @param local whether process ids of the server are ones of this machine */
    Meter(Connection connection, boolean local) throws SQLException {
        this.connection = connection;
        postmaster = local ? postmaster((long) ask("SELECT pg_backend_pid()")) : 0;
    }

    /** The state of all counters at an instant. */
    record Mark(long nanos, double client, double server, double wal, double busy) {}

    interface Work {
        /** @return messages that were worked on */
        long run() throws Exception;
    }

    boolean seesServer() {
        return postmaster != 0;
    }

    Mark mark() throws SQLException {
        double wal = ask("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8");
        return new Mark(System.nanoTime(), client(), server(), wal, busy());
    }

    static Sample between(Mark from, Mark to, long messages) {
        double seconds = (to.nanos - from.nanos) / 1e9;
        double client = to.client - from.client;
        double server = to.server - from.server;
        double foreign = Math.max(0, (to.busy - from.busy - client - server) / 1e3 / seconds);
        return new Sample(messages, seconds, client, server, to.wal - from.wal, foreign, new long[0]);
    }

    /** The rate is that of the work itself; CPU time and WAL are taken a moment later, when all that belongs to it has come in. */
    Sample measure(Work work) throws Exception {
        Mark from = mark();
        long messages = work.run();
        double seconds = (System.nanoTime() - from.nanos) / 1e9;
        Thread.sleep(LEAVING_MILLIS);
        return between(from, mark(), messages).atRateOf(messages, seconds);
    }

    static double client() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                        .getProcessCpuTime()
                / 1e6;
    }

    private double ask(String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getDouble(1);
        }
    }

    private double server() {
        if (postmaster == 0) {
            return Double.NaN;
        }
        long[] own = stat(postmaster);
        double millis = running(postmaster, own) + (own[3] + own[4]) * MILLIS_PER_TICK;
        try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
            millis += processes
                    .map(process -> process.getFileName().toString())
                    .filter(name -> name.matches("\\d+"))
                    .mapToLong(Long::parseLong)
                    .mapToDouble(process -> {
                        long[] stat = stat(process);
                        return stat[PARENT] == postmaster ? running(process, stat) : 0;
                    })
                    .sum();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return millis;
    }

    /** All cores, time taken away by the hypervisor included. */
    private static double busy() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/stat"))) {
            String[] ticks = lines.findFirst().orElse("").trim().split(" +");
            double sum = 0;
            for (int field : new int[] {1, 2, 3, 6, 7, 8}) { // not idle, not waiting for a disk
                sum += Long.parseLong(ticks[field]);
            }
            return sum * MILLIS_PER_TICK;
        } catch (IOException | RuntimeException unknown) {
            return Double.NaN;
        }
    }

    private static long postmaster(long backend) {
        try {
            String line = Files.readString(Path.of("/proc/" + backend + "/stat"));
            return line.contains("(postgres)") ? stat(backend)[PARENT] : 0;
        } catch (IOException elsewhere) {
            return 0;
        }
    }

    /** Processes of PostgreSQL have one thread, whose time the scheduler counts in nanoseconds. */
    private static double running(long process, long[] stat) {
        try {
            String nanos = Files.readString(Path.of("/proc/" + process + "/schedstat"));
            return Long.parseLong(nanos.substring(0, nanos.indexOf(' '))) / 1e6;
        } catch (IOException | RuntimeException unknown) {
            return (stat[1] + stat[2]) * MILLIS_PER_TICK;
        }
    }

    private static final int PARENT = 0;

    /** Parent, own user and system ticks, waited-for children's user and system ticks. */
    private static long[] stat(long process) {
        try {
            String line = Files.readString(Path.of("/proc/" + process + "/stat"));
            String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ");
            return new long[] {
                Long.parseLong(fields[1]),
                Long.parseLong(fields[11]),
                Long.parseLong(fields[12]),
                Long.parseLong(fields[13]),
                Long.parseLong(fields[14])
            };
        } catch (IOException | IllegalStateException gone) {
            return new long[5];
        }
    }
}
