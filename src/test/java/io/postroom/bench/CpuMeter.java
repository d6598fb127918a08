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
 * CPU time of this JVM and of a local PostgreSQL: its postmaster, all living backends, and those that have ended (the postmaster's waited-for
 * children). Linux only.
 */
final class CpuMeter {
    private static final long NANOS_PER_TICK = 10_000_000;

    private final long postmaster;

    CpuMeter(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            postmaster = stat(row.getLong(1))[PARENT];
        }
    }

    long clientNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    long serverNanos() {
        long[] own = stat(postmaster);
        long ticks = own[1] + own[2] + own[3] + own[4];
        try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
            ticks += processes
                    .filter(process -> process.getFileName().toString().matches("\\d+"))
                    .mapToLong(process -> {
                        long[] stat = stat(Long.parseLong(process.getFileName().toString()));
                        return stat[PARENT] == postmaster ? stat[1] + stat[2] : 0;
                    })
                    .sum();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return ticks * NANOS_PER_TICK;
    }

    private static final int PARENT = 0;

    /** Parent, own user and system ticks, waited-for children's user and system ticks. */
    private static long[] stat(long pid) {
        try {
            String line = Files.readString(Path.of("/proc/" + pid + "/stat"));
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
