package io.postroom.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends a PostgreSQL server that outlived its JVM, so that a new one can start on the same data.
 *
 * <p>When a JVM is killed, the postmaster that it started runs on and holds the data directory. The file
 * {@code postmaster.pid} names its process. If that process does not run, this class does nothing, and it never deletes
 * the file: PostgreSQL itself recognises a stale file on its next start, and checks whether shared memory is still in use.
 * A second place that decides this could let two servers write to the same data.
 */
final class OrphanedPostmaster {
    private static final Logger log = LoggerFactory.getLogger(OrphanedPostmaster.class);

    /** SIGTERM lets connected clients finish. The clients of the killed JVM are gone, so the remaining ones are foreign. */
    private static final Duration PATIENCE_WITH_CLIENTS = Duration.ofSeconds(10);

    /** Time for the checkpoint that PostgreSQL writes before it ends. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private OrphanedPostmaster() {}

    /**
     * Stops the postmaster that runs on the directory, if there is one, and waits for its end. Only the holder of the
     * directory's lock may call this.
     *
     * @throws EmbeddedDatabaseException if the process named in the file is alive and something else, or does not end
     */
    static void stop(Path dataDirectory) throws IOException {
        ProcessHandle process =
                find(dataDirectory).filter(ProcessHandle::isAlive).orElse(null);
        if (process == null) {
            return;
        }
        Path pidFile = pidFile(dataDirectory);
        if (isOfAnotherUser(process)) {
            log.info(
                    "{} names process {}, which belongs to {}: the file is left from an earlier start, and PostgreSQL decides about it",
                    pidFile,
                    process.pid(),
                    process.info().user().orElse("another user"));
            return;
        }
        if (!isPostmasterOf(dataDirectory, process)) {
            throw new EmbeddedDatabaseException("The file " + pidFile + " says that process " + process.pid()
                    + " is the PostgreSQL of this directory, but that process is "
                    + process.info().command().orElse("of an unknown kind")
                    + ". Make sure that no PostgreSQL runs on the directory (on another machine or in another container,"
                    + " if it is shared), then delete the file and start again.");
        }
        log.warn(
                "PostgreSQL (process {}) was left running on {} by a server that was killed; stopping it",
                process.pid(),
                dataDirectory);
        process.destroy();
        if (!awaitEnd(dataDirectory, process, PATIENCE_WITH_CLIENTS)) {
            interrupt(process);
            if (!awaitEnd(dataDirectory, process, PATIENCE)) {
                throw new EmbeddedDatabaseException("PostgreSQL (process " + process.pid() + "), left running on "
                        + dataDirectory + " by a server that was killed, does not stop. Stop it and start again.");
            }
        }
    }

    /** Finds the process named by {@code postmaster.pid}, if the file and the process exist. The process may be any program. */
    static Optional<ProcessHandle> find(Path dataDirectory) throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(pidFile(dataDirectory));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
        if (lines.isEmpty() || !lines.get(0).strip().matches("-?\\d{1,18}")) {
            return Optional.empty();
        }
        // The number is negative for a PostgreSQL in single-user mode.
        return ProcessHandle.of(Math.abs(Long.parseLong(lines.get(0).strip())));
    }

    /**
     * Waits until the process has ended or, which PostgreSQL does last, has removed its {@code postmaster.pid}. The file
     * is needed where the process looks alive after its end, because nobody collects it: under a JVM that is process 1 of a
     * container.
     *
     * @return false if the process still runs after that time
     */
    static boolean awaitEnd(Path dataDirectory, ProcessHandle process, Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (process.isAlive() && find(dataDirectory).equals(Optional.of(process))) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            try {
                // onExit() polls processes that are not our children less and less often.
                Thread.sleep(50);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new EmbeddedDatabaseException("Interrupted while PostgreSQL was stopping", e);
            }
        }
        return true;
    }

    private static Path pidFile(Path dataDirectory) {
        return dataDirectory.resolve("postmaster.pid");
    }

    /**
     * Whether the process belongs to another user. The system gives a process id to another process later, above all after a restart of the
     * machine. PostgreSQL, too, ignores a process to which it may not send signals.
     */
    private static boolean isOfAnotherUser(ProcessHandle process) {
        Optional<String> own = ProcessHandle.current().info().user();
        Optional<String> theirs = process.info().user();
        return own.isPresent() && theirs.isPresent() && !own.equals(theirs);
    }

    private static boolean isPostmasterOf(Path dataDirectory, ProcessHandle process) throws IOException {
        ProcessHandle.Info info = process.info();
        // Windows gives no arguments, and destroy() kills there: leave the decision to a human.
        if (info.command().isEmpty() || info.arguments().isEmpty()) {
            return false;
        }
        if (!Path.of(info.command().get()).getFileName().toString().equals("postgres")) {
            return false;
        }
        List<String> arguments = List.of(info.arguments().get());
        int at = arguments.indexOf("-D");
        if (at < 0 || at + 1 == arguments.size()) {
            return false;
        }
        Path theirs = Path.of(arguments.get(at + 1));
        return Files.exists(theirs) && Files.isSameFile(theirs, dataDirectory);
    }

    /** Sends SIGINT: PostgreSQL's fast shutdown, which disconnects clients. */
    private static void interrupt(ProcessHandle process) throws IOException {
        new ProcessBuilder("sh", "-c", "kill -INT " + process.pid()).inheritIO().start();
    }
}
