package io.postroom.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A second JVM with the class path of this one. Spoken to by lines on its standard input; it answers each with a line that begins with
 * {@link #ANSWER}. When its input ends, because this JVM is gone, it ends as well. Not thread-safe.
 */
final class ChildJvm implements AutoCloseable {
    private static final String ANSWER = "> ";
    private static final int LEAVING_SECONDS = 20;

    private final Process process;
    private final PrintWriter to;
    private final BufferedReader from;
    private final Thread killer;

    private ChildJvm(Process process) {
        this.process = process;
        to = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
        from = process.inputReader(StandardCharsets.UTF_8);
        killer = new Thread(process::destroyForcibly, "bench-kill-child");
        Runtime.getRuntime().addShutdownHook(killer);
    }

    static ChildJvm start(Class<?> main, String... options) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        Collections.addAll(command, options);
        Collections.addAll(command, "-cp", System.getProperty("java.class.path"), main.getName());
        return new ChildJvm(new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    }

    /** Says a word, and the database on three lines: not as arguments of the process, which everybody on the machine can read. */
    void say(String line, BenchDatabase database) {
        say(line);
        to.println(database.url());
        to.println(database.user());
        to.println(database.password());
    }

    void say(String line) {
        to.println(line);
    }

    String ask(String line) throws IOException {
        say(line);
        return answer();
    }

    String answer() throws IOException {
        for (String line = from.readLine(); line != null; line = from.readLine()) {
            if (line.startsWith(ANSWER)) {
                return line.substring(ANSWER.length());
            }
        }
        throw new IOException("the other process ended");
    }

    /** Kills the process when it has not answered in time. */
    String answer(Duration limit) throws IOException {
        CountDownLatch answered = new CountDownLatch(1);
        Thread watch = new Thread(() -> killUnless(answered, limit), "bench-watch-child");
        watch.setDaemon(true);
        watch.start();
        try {
            return answer();
        } finally {
            answered.countDown();
        }
    }

    private void killUnless(CountDownLatch answered, Duration limit) {
        try {
            if (!answered.await(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    long pid() {
        return process.pid();
    }

    /** CPU time of the process so far. */
    double cpuMillis() {
        return process.toHandle()
                        .info()
                        .totalCpuDuration()
                        .orElse(Duration.ZERO)
                        .toNanos()
                / 1e6;
    }

    @Override
    public void close() throws InterruptedException {
        to.close();
        if (!process.waitFor(LEAVING_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
        }
        Runtime.getRuntime().removeShutdownHook(killer);
    }

    // --- in the other process

    static BufferedReader input() {
        return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    }

    static BenchDatabase database(BufferedReader in) throws IOException {
        return new BenchDatabase(in.readLine(), in.readLine(), in.readLine());
    }

    static void answer(String text) {
        System.out.println(ANSWER + text);
        System.out.flush();
    }
}
