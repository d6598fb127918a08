package io.postroom.testing;

import io.postroom.server.PostroomServer;
import io.postroom.server.RunningServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.springframework.util.FileSystemUtils;

/**
 * The libraries' classes as an archive of the JVM ("class data sharing"). A JVM that a test starts maps them into its memory instead of
 * reading and verifying them again.
 *
 * <p>The archive is made once for a class path and a JVM, in {@code target/class-archive}, by the first fork that starts a JVM. No test
 * waits for it: JVMs start without it until it is there. Where it cannot be made, an empty file stands for it, and the next try comes an
 * hour later. A new archive replaces those of other class paths and JVMs. A JVM compares the jars with those of the archive, and does
 * without it where they differ.
 *
 * <ol>
 *   <li>A server with the demo lists the classes that it loads: they are a superset of what other processes of tests load.
 *   <li>A second JVM archives those of the list that are in jars. Classes in folders cannot be archived, so the class path of an archive
 *       has no folder, and that of a JVM that uses it begins with the same jars.
 * </ol>
 */
final class ClassArchive {
    private static final Path TARGET = Path.of("target").toAbsolutePath();
    private static final Path FOLDER = TARGET.resolve("class-archive");
    private static final String LOCK = "lock";
    private static final long LONGEST_MINUTES = 2;
    private static final Duration NEXT_TRY = Duration.ofHours(1);
    private static final String EVENTS = "/io/postroom/server/demo/ticket-events.ndjson";
    private static final int SOME_EVENTS = 20;

    private static boolean asked;
    private static volatile boolean ending;

    private ClassArchive() {}

    /**
     * Returns options for a JVM whose class path begins with these jars; none if there is no archive for it.
     *
     * @param command of the JVM that makes the archive: its path and its options
     */
    static synchronized List<String> options(List<String> command, List<String> jars) {
        try {
            Path archive = FOLDER.resolve(key(jars) + ".jsa");
            if (!asked && isToBeMade(archive) && Files.isDirectory(TARGET)) {
                Thread thread = new Thread(() -> make(archive, command, jars), "class-archive");
                thread.setDaemon(true);
                thread.start();
            }
            asked = true;
            // What a JVM has to say of its archive would stand between the lines that tests read.
            return Files.exists(archive) && Files.size(archive) > 0
                    ? List.of("-XX:SharedArchiveFile=" + archive, "-Xlog:disable", "-Xlog:all=error:stderr")
                    : List.of();
        } catch (IOException withoutArchive) {
            return List.of();
        }
    }

    private static boolean isToBeMade(Path archive) throws IOException {
        return !Files.exists(archive)
                || Files.size(archive) == 0
                        && Files.getLastModifiedTime(archive)
                                .toInstant()
                                .isBefore(Instant.now().minus(NEXT_TRY));
    }

    /** Deletes archives of other class paths and JVMs, and what killed forks have left. A JVM that has mapped one keeps it. */
    private static void deleteAllBut(Path archive) throws IOException {
        try (Stream<Path> files = Files.list(FOLDER)) {
            for (Path file : files.toList()) {
                if (!file.equals(archive) && !file.equals(FOLDER.resolve(LOCK))) {
                    FileSystemUtils.deleteRecursively(file);
                }
            }
        }
    }

    private static String key(List<String> jars) throws IOException {
        StringBuilder all = new StringBuilder(System.getProperty("java.home")).append(Runtime.version());
        for (String jar : jars) {
            Path file = Path.of(jar);
            all.append('\n').append(jar).append(Files.size(file)).append(Files.getLastModifiedTime(file));
        }
        return Integer.toHexString(all.toString().hashCode());
    }

    /** Makes the archive, unless another process is about to. An empty file says that it could not be made. */
    private static void make(Path archive, List<String> command, List<String> jars) {
        try {
            Files.createDirectories(FOLDER);
            try (FileChannel file = FileChannel.open(
                            FOLDER.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = file.tryLock()) {
                if (lock != null && isToBeMade(archive)) {
                    Path folder = Files.createTempDirectory(FOLDER, "new");
                    Path made = folder.resolve("archive");
                    makeOrLeaveEmpty(made, command, jars);
                    Files.move(made, archive, StandardCopyOption.ATOMIC_MOVE);
                    deleteAllBut(archive);
                }
            }
        } catch (IOException e) {
            if (!ending) {
                System.err.println("JVMs of tests start without an archive of classes: " + e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void makeOrLeaveEmpty(Path archive, List<String> command, List<String> jars)
            throws IOException, InterruptedException {
        try {
            Path list = archive.resolveSibling("classes");
            listClasses(list, archive.getParent());
            dump(list, archive, command, jars);
        } catch (IOException | RuntimeException | AssertionError notMade) {
            if (ending) {
                throw new IOException("this fork ends", notMade);
            }
            System.err.println("JVMs of tests start without an archive of classes: " + notMade);
            Files.deleteIfExists(archive);
            Files.createFile(archive);
        }
    }

    private static void endWithThisFork(Runnable end) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            ending = true;
            end.run();
        }));
    }

    private static void listClasses(Path list, Path folder) throws IOException, InterruptedException {
        Path events = folder.resolve("events.ndjson");
        try (InputStream shipped = Objects.requireNonNull(PostroomServer.class.getResourceAsStream(EVENTS))) {
            List<String> lines = new String(shipped.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .limit(SOME_EVENTS)
                    .toList();
            Files.write(events, lines);
        }
        try (TestDatabase database = TestDatabase.create();
                JvmProcess server = JvmProcess.of(PostroomServer.class)
                        .withoutTestClasses()
                        .withoutArchive()
                        .option("-XX:DumpLoadedClassList=" + list)
                        .arguments(
                                "--spring.datasource.url=" + database.url(),
                                "--spring.datasource.username=" + database.user(),
                                "--spring.datasource.password=" + database.password(),
                                "--server.port=0",
                                "--postroom.mail.folder=" + folder.resolve("mails"),
                                "--postroom.demo=true",
                                "--postroom.demo.file=" + events,
                                RunningServer.WITHOUT_TEST_LIBRARIES)
                        .start()) {
            endWithThisFork(server::close);
            server.awaitLine("Demo: finished");
            server.terminate();
        }
    }

    private static void dump(Path list, Path archive, List<String> command, List<String> jars)
            throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(command);
        all.add("-Xshare:dump");
        all.add("-XX:SharedClassListFile=" + list);
        all.add("-XX:SharedArchiveFile=" + archive);
        all.addAll(List.of("-cp", String.join(java.io.File.pathSeparator, jars)));
        Process dumping = new ProcessBuilder(all)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        endWithThisFork(dumping::destroyForcibly);
        if (!dumping.waitFor(LONGEST_MINUTES, TimeUnit.MINUTES)) {
            dumping.destroyForcibly();
            throw new IOException("the JVM does not end");
        }
        if (dumping.exitValue() != 0) {
            throw new IOException("the JVM ends with " + dumping.exitValue());
        }
    }
}
