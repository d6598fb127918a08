package io.postroom.fault;

import io.postroom.testing.JvmProcess;
import io.postroom.testing.TestDatabase;
import io.postroom.testing.WrongClock;
import java.io.IOException;

/** A {@link FaultWorker} in a JVM of its own. */
final class WorkerProcess {
    private WorkerProcess() {}

    /** Returns when the worker says that it is ready. */
    static JvmProcess start(TestDatabase database, String mode, long pauseMillis) throws IOException {
        return start(JvmProcess.of(FaultWorker.class), database, mode, pauseMillis);
    }

    /** The same in another time zone. */
    static JvmProcess startIn(String zone, TestDatabase database, String mode, long pauseMillis) throws IOException {
        return start(JvmProcess.of(FaultWorker.class).option("-Duser.timezone=" + zone), database, mode, pauseMillis);
    }

    /** The same with a clock that is wrong. */
    static JvmProcess startWith(WrongClock clock, TestDatabase database, String mode, long pauseMillis)
            throws IOException {
        return start(JvmProcess.of(FaultWorker.class).environment(clock.environment()), database, mode, pauseMillis);
    }

    private static JvmProcess start(JvmProcess.Launcher launcher, TestDatabase database, String mode, long pauseMillis)
            throws IOException {
        JvmProcess worker = launcher.arguments(
                        database.url(), database.user(), database.password(), mode, String.valueOf(pauseMillis))
                .echo()
                .start();
        try {
            worker.awaitLine("READY");
        } catch (AssertionError notStarted) {
            worker.close();
            throw notStarted;
        }
        return worker;
    }
}
