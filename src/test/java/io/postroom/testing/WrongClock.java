package io.postroom.testing;

import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The wall clock of other processes, as far from this machine's as a test says, by libfaketime. Clocks that cannot be set are left alone.
 * Where the library is not installed, tests are skipped. Thread-safe.
 */
public final class WrongClock {
    private static final Path LIBRARIES = Path.of("/usr/lib");

    private final Path library;
    private final Path file;

    private WrongClock(Path library, Path file) {
        this.library = library;
        this.file = file;
    }

    /** A clock that is so far ahead, or behind, until a test sets it. Its file goes into that folder. */
    public static WrongClock in(Path folder, Duration ahead) {
        try {
            WrongClock clock = new WrongClock(library().orElseThrow(), Files.createTempFile(folder, "clock", ""));
            clock.set(ahead);
            return clock;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Skips the test that asks where libfaketime is not installed. */
    public static void assumeInstalled() {
        assumeThat(library())
                .as("libfaketime is not installed: apt-get install libfaketime")
                .isPresent();
    }

    /** The one that {@code -Dpostroom.test.faketime=/path} names, else that of the machine's packages. */
    private static Optional<Path> library() {
        String given = System.getProperty("postroom.test.faketime");
        if (given != null) {
            return Optional.of(Path.of(given)).filter(Files::isReadable);
        }
        if (!Files.isDirectory(LIBRARIES)) {
            return Optional.empty();
        }
        try (Stream<Path> folders = Files.list(LIBRARIES)) { // one for each architecture
            return folders.map(folder -> folder.resolve("faketime/libfaketime.so.1"))
                    .filter(Files::isReadable)
                    .findFirst();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Sets the clock, at once and for all processes that have it. The file is replaced as a whole, as they read it at any moment. */
    public void set(Duration ahead) {
        try {
            Path next = Files.createTempFile(file.getParent(), "next", "");
            Files.writeString(next, "%+d".formatted(ahead.toSeconds()));
            Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * What gives a process this clock. Times of files stay right: a JVM compares that of its own archive of classes with it. Without
     * FAKETIME_FORCE_MONOTONIC_FIX=0 the library of Debian 12 takes the end of a JVM's timed wait for one of the wall clock: waits end at
     * once when that is ahead, and not at all when it is behind.
     */
    public Map<String, String> environment() {
        return Map.of(
                "LD_PRELOAD", library.toString(),
                "FAKETIME_TIMESTAMP_FILE", file.toString(),
                "FAKETIME_NO_CACHE", "1",
                "FAKETIME_DONT_FAKE_MONOTONIC", "1",
                "FAKETIME_FORCE_MONOTONIC_FIX", "0",
                "FAKETIME_DISABLE_SHM", "1",
                "NO_FAKE_STAT", "1");
    }

    /** What gives a command this clock, as the words before it. */
    List<String> prefix() {
        return Stream.concat(
                        Stream.of("env"),
                        environment().entrySet().stream().map(one -> one.getKey() + "=" + one.getValue()))
                .toList();
    }
}
