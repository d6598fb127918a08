package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A second JVM that handles the messages of this one, in one database after the other: so it is as warm as this one. Spoken to by lines:
 * {@code work} and three more that say where, {@code begin <nanos>}, {@code cpu}, {@code end <messages>}, {@code rest}; it answers with
 * lines that begin with {@link #ANSWER}. When its input ends, because this JVM is gone, it ends as well.
 */
final class WorkerProcess implements AutoCloseable {
    private static final String ANSWER = "> ";

    private final Process process;
    private final PrintWriter to;
    private final BufferedReader from;
    private final Thread killer;

    private WorkerProcess(Process process) {
        this.process = process;
        to = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
        from = process.inputReader(StandardCharsets.UTF_8);
        killer = new Thread(process::destroyForcibly, "bench-kill-worker");
        Runtime.getRuntime().addShutdownHook(killer);
    }

    static WorkerProcess start() throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder builder = new ProcessBuilder(List.of(
                java,
                "-Xms256m",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                WorkerProcess.class.getName()));
        return new WorkerProcess(
                builder.redirectError(ProcessBuilder.Redirect.INHERIT).start());
    }

    /** Returns when it has begun to work. */
    void work(BenchDatabase database) throws IOException {
        to.println("work");
        // Not as arguments of the process, which everybody on the machine can read.
        to.println(database.url());
        to.println(database.user());
        to.println(database.password());
        answer();
    }

    /** Returns when it has stopped to work. */
    void rest() throws IOException {
        to.println("rest");
        answer();
    }

    /** Counts messages sent from this instant on. Returns the CPU time of the process so far, in ms. */
    double begin(long nanos) throws IOException {
        to.println("begin " + nanos);
        return Double.parseDouble(answer());
    }

    double cpuMillis() throws IOException {
        to.println("cpu");
        return Double.parseDouble(answer());
    }

    /** The latencies, once there are so many. */
    long[] end(int messages) throws IOException {
        to.println("end " + messages);
        String answer = answer();
        return answer.isEmpty()
                ? new long[0]
                : Arrays.stream(answer.split(",")).mapToLong(Long::parseLong).toArray();
    }

    private String answer() throws IOException {
        for (String line = from.readLine(); line != null; line = from.readLine()) {
            if (line.startsWith(ANSWER)) {
                return line.substring(ANSWER.length());
            }
        }
        throw new IOException("the worker process ended");
    }

    @Override
    public void close() throws InterruptedException {
        to.close();
        if (!process.waitFor(20, java.util.concurrent.TimeUnit.SECONDS)) {
            process.destroyForcibly();
        }
        Runtime.getRuntime().removeShutdownHook(killer);
    }

    // --- in the other process

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.equals("work")) {
                work(new BenchDatabase(in.readLine(), in.readLine(), in.readLine()), in);
                answer("rests");
            }
        }
    }

    private static void work(BenchDatabase database, BufferedReader in) throws Exception {
        LatencyRecorder recorder = new LatencyRecorder();
        try (HikariDataSource pool = database.pool(PostroomContender.POOL);
                Postroom postroom = Postroom.on(pool)
                        .handler(
                                PostroomContender.handler(PostroomContender.QUEUE, PostroomContender.THREADS, recorder))
                        .start()) {
            answer(postroom.problems().toString());
            for (String line = in.readLine(); line != null && !line.equals("rest"); line = in.readLine()) {
                String[] words = line.split(" ");
                switch (words[0]) {
                    case "begin" -> {
                        recorder.begin(Long.parseLong(words[1]));
                        answer(String.valueOf(Meter.client()));
                    }
                    case "cpu" -> answer(String.valueOf(Meter.client()));
                    case "end" ->
                        answer(Arrays.stream(recorder.await(Integer.parseInt(words[1])))
                                .mapToObj(String::valueOf)
                                .collect(Collectors.joining(",")));
                    default -> throw new IllegalStateException(line);
                }
            }
        }
    }

    private static void answer(String text) {
        System.out.println(ANSWER + text);
        System.out.flush();
    }
}
