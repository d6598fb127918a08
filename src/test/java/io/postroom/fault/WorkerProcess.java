package io.postroom.fault;

import io.postroom.testing.TestDatabase;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A {@link FaultWorker} in a JVM of its own. */
final class WorkerProcess implements AutoCloseable {
    private final Process process;
    private final CountDownLatch ready = new CountDownLatch(1);

    private WorkerProcess(Process process) {
        this.process = process;
    }

    static WorkerProcess start(TestDatabase database, String mode, long pauseMillis)
            throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        FaultWorker.class.getName(),
                        database.url(),
                        database.user(),
                        database.password(),
                        mode,
                        String.valueOf(pauseMillis))
                .redirectErrorStream(true)
                .start();
        WorkerProcess worker = new WorkerProcess(process);
        worker.readOutput();
        if (!worker.ready.await(60, TimeUnit.SECONDS)) {
            worker.close();
            throw new IllegalStateException("the worker process did not start");
        }
        return worker;
    }

    private void readOutput() {
        Thread reader = new Thread(() -> {
            try (BufferedReader lines =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    if (line.equals("READY")) {
                        ready.countDown();
                    } else {
                        System.out.println("[worker " + process.pid() + "] " + line);
                    }
                }
            } catch (IOException ended) {
                // the process was killed
            }
        });
        reader.setDaemon(true);
        reader.start();
    }

    long pid() {
        return process.pid();
    }

    /** SIGKILL: no goodbye. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** SIGSTOP: lives, but does nothing. */
    void freeze() throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-STOP", String.valueOf(pid())).start().waitFor();
    }

    void thaw() throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-CONT", String.valueOf(pid())).start().waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
