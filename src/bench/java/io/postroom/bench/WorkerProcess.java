package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * A second JVM that handles the messages of this one, in one database after the other: so it is as warm as this one. Spoken to by lines:
 * {@code work} and three more that say where, {@code begin <nanos>}, {@code cpu}, {@code end <messages>}, {@code rest}.
 */
final class WorkerProcess implements AutoCloseable {
    private final ChildJvm jvm;

    private WorkerProcess(ChildJvm jvm) {
        this.jvm = jvm;
    }

    static WorkerProcess start() throws IOException {
        return new WorkerProcess(ChildJvm.start(WorkerProcess.class, "-Xms256m", "-Xmx256m"));
    }

    /** Returns when it has begun to work. */
    void work(BenchDatabase database) throws IOException {
        jvm.say("work", database);
        jvm.answer();
    }

    /** Returns when it has stopped to work. */
    void rest() throws IOException {
        jvm.ask("rest");
    }

    /** Counts messages sent from this instant on. Returns the CPU time of the process so far, in ms. */
    double begin(long nanos) throws IOException {
        return Double.parseDouble(jvm.ask("begin " + nanos));
    }

    double cpuMillis() throws IOException {
        return Double.parseDouble(jvm.ask("cpu"));
    }

    /** The latencies, once there are so many. */
    long[] end(int messages) throws IOException {
        String answer = jvm.ask("end " + messages);
        return answer.isEmpty()
                ? new long[0]
                : Arrays.stream(answer.split(",")).mapToLong(Long::parseLong).toArray();
    }

    @Override
    public void close() throws InterruptedException {
        jvm.close();
    }

    // --- in the other process

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = ChildJvm.input();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.equals("work")) {
                work(ChildJvm.database(in), in);
                ChildJvm.answer("rests");
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
            ChildJvm.answer(postroom.problems().toString());
            for (String line = in.readLine(); line != null && !line.equals("rest"); line = in.readLine()) {
                String[] words = line.split(" ");
                switch (words[0]) {
                    case "begin" -> {
                        recorder.begin(Long.parseLong(words[1]));
                        ChildJvm.answer(String.valueOf(Meter.client()));
                    }
                    case "cpu" -> ChildJvm.answer(String.valueOf(Meter.client()));
                    case "end" ->
                        ChildJvm.answer(Arrays.stream(recorder.await(Integer.parseInt(words[1])))
                                .mapToObj(String::valueOf)
                                .collect(Collectors.joining(",")));
                    default -> throw new IllegalStateException(line);
                }
            }
        }
    }
}
