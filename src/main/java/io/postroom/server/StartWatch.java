package io.postroom.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads PostgreSQL's log during its start, and interrupts the waiting thread as soon as the log says that the start has
 * failed. Otherwise a bad setting or a wrong password would show only after the whole start-up time of five minutes.
 *
 * <p>The waiting thread makes and closes this object. After {@link #close()} no interrupt comes any more, but one may have
 * come before.
 */
final class StartWatch implements AutoCloseable {
    private static final List<String> SIGNS_OF_FAILURE =
            List.of("pg_ctl: could not start server", "password authentication failed for user \"postgres\"");

    private static final long INTERVAL_MILLIS = 200;
    private static final int LAST_LINES = 12;

    private final Path logFile;
    private final long from;
    private final Thread waiting = Thread.currentThread();
    private final Thread watcher = new Thread(this::run, "postroom-embedded-start");
    private volatile @Nullable String failure;
    private boolean done;

    StartWatch(Path logFile) throws IOException {
        this.logFile = logFile;
        this.from = Files.size(logFile);
        watcher.setDaemon(true);
        watcher.start();
    }

    Path logFile() {
        return logFile;
    }

    boolean sawFailure() {
        return failure != null;
    }

    /** Returns the last lines written since the start: up to the sign of failure if there was one, else up to now. */
    String lastLines() {
        String seen = failure;
        List<String> lines = (seen != null ? seen : read()).lines().toList();
        return String.join("\n", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size()));
    }

    private synchronized void run() {
        try {
            while (!done) {
                String text = read();
                if (SIGNS_OF_FAILURE.stream().anyMatch(text::contains)) {
                    failure = text;
                    waiting.interrupt();
                    return;
                }
                wait(INTERVAL_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String read() {
        try {
            byte[] all = Files.readAllBytes(logFile);
            return new String(
                    Arrays.copyOfRange(all, (int) Math.min(from, all.length), all.length), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public synchronized void close() {
        done = true;
        notifyAll();
    }
}
