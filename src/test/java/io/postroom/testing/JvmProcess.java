package io.postroom.testing;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The main method of a class in a JVM of its own, with this test's class path: for what must be killed, frozen, or started with other
 * settings of the JVM. Standard output and standard error are one stream, kept line by line. Thread-safe.
 *
 * <p>The JVM has at most 256 MB of heap and is made for a short life: the serial collector, no C2 compiler, whose work would not pay within
 * seconds, huge pages where the system has them, and no verification of bytecode; see
 * pom.xml for what these save.
 */
public final class JvmProcess implements AutoCloseable {
    /** Longer than a server needs for its first start on a busy machine: 130 s were seen there, and 7 s on an idle one. */
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private static final List<String> SHORT_LIVED = List.of(
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+IgnoreUnrecognizedVMOptions",
            "-XX:-PrintWarnings", // such as that there are no huge pages, between the lines that tests read
            "-XX:+UseTransparentHugePages",
            "-XX:+UnlockDiagnosticVMOptions",
            "-XX:-BytecodeVerificationRemote");

    private final String name;
    private final Process process;
    private final Consumer<String> echo;
    private final Thread reader;
    private final List<String> lines = new ArrayList<>();
    private boolean ended;

    private JvmProcess(String name, Process process, Consumer<String> echo) {
        this.name = name;
        this.process = process;
        this.echo = echo;
        reader = new Thread(this::read, "output-of-" + name);
        reader.setDaemon(true);
        reader.start();
    }

    /** Prepares a JVM that runs the main method of the class. */
    public static Launcher of(Class<?> main) {
        return new Launcher(main);
    }

    /** What the JVM is started with. */
    public static final class Launcher {
        private final Class<?> main;
        private final List<String> options = new ArrayList<>();
        private List<String> arguments = List.of();
        private String classPath =
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        private Consumer<String> echo = line -> {};
        private @Nullable Path directory;
        private Map<String, String> environment = Map.of();

        private Launcher(Class<?> main) {
            this.main = main;
        }

        /** Adds an option of the JVM, such as {@code -Dname=value}. */
        public Launcher option(String option) {
            options.add(option);
            return this;
        }

        public Launcher arguments(String... given) {
            arguments = List.of(given);
            return this;
        }

        /** Starts in that directory instead of this JVM's. */
        public Launcher in(Path given) {
            directory = given;
            return this;
        }

        /** Adds variables of the environment. */
        public Launcher environment(Map<String, String> given) {
            environment = given;
            return this;
        }

        /** Leaves out the folder of test classes, with the tests' logging configuration. */
        public Launcher withoutTestClasses() {
            classPath = Arrays.stream(classPath.split(File.pathSeparator))
                    .filter(entry -> !entry.endsWith("test-classes"))
                    .collect(Collectors.joining(File.pathSeparator));
            return this;
        }

        /** Shows each line of output in the output of the tests, too. */
        public Launcher echo() {
            echo = System.out::println;
            return this;
        }

        public JvmProcess start() throws IOException {
            List<String> command = new ArrayList<>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(SHORT_LIVED);
            command.addAll(options);
            command.addAll(List.of("-cp", classPath, main.getName()));
            command.addAll(arguments);
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            if (directory != null) {
                builder.directory(directory.toFile());
            }
            // Settings of the machine that runs the tests are not meant for this process.
            builder.environment().keySet().removeIf(name -> name.startsWith("SPRING_") || name.startsWith("POSTROOM_"));
            builder.environment().putAll(environment);
            return new JvmProcess(main.getSimpleName(), builder.start(), echo);
        }
    }

    private void read() {
        try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line; (line = out.readLine()) != null; ) {
                add(line);
                echo.accept("[" + name + " " + process.pid() + "] " + line);
            }
        } catch (IOException killed) {
            add("(" + killed.getMessage() + ")");
        } finally {
            synchronized (lines) {
                ended = true;
                lines.notifyAll();
            }
        }
    }

    private void add(String line) {
        synchronized (lines) {
            lines.add(line);
            lines.notifyAll();
        }
    }

    /** Everything the process has written so far. */
    public String output() {
        return String.join("\n", lines());
    }

    /** The lines the process has written so far. */
    public List<String> lines() {
        synchronized (lines) {
            return List.copyOf(lines);
        }
    }

    /** Waits for a line that contains the text. Fails after five minutes, and as soon as the process ends without that line. */
    public String awaitLine(String text) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        synchronized (lines) {
            for (int seen = 0; ; ) {
                for (; seen < lines.size(); seen++) {
                    if (lines.get(seen).contains(text)) {
                        return lines.get(seen);
                    }
                }
                long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                if (ended || left <= 0) {
                    throw new AssertionError(name + (ended ? " has ended" : " runs for " + PATIENCE) + " without \""
                            + text + "\":\n" + String.join("\n", lines));
                }
                try {
                    lines.wait(left);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new AssertionError("interrupted while waiting for \"" + text + "\"", e);
                }
            }
        }
    }

    /** Waits until the process has ended and all its output has been read. Returns its exit code. */
    public int awaitEnd() throws InterruptedException {
        if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError(name + " does not end:\n" + output());
        }
        reader.join();
        return process.exitValue();
    }

    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Sends SIGKILL, after which no shutdown hook runs, and waits for the end. */
    public void kill() throws InterruptedException {
        process.toHandle().destroyForcibly(); // Process.destroyForcibly would close the stream, last words and all
        awaitEnd();
    }

    /** Sends SIGTERM, as an init system does, and waits for the end. */
    public int terminate() throws InterruptedException {
        process.toHandle().destroy();
        return awaitEnd();
    }

    /** Sends SIGSTOP: the process lives and does nothing until {@link #thaw}. */
    public void freeze() throws IOException, InterruptedException {
        signal("-STOP");
    }

    public void thaw() throws IOException, InterruptedException {
        signal("-CONT");
    }

    private void signal(String signal) throws IOException, InterruptedException {
        new ProcessBuilder("kill", signal, String.valueOf(pid())).start().waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
