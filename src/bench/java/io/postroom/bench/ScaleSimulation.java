package io.postroom.bench;

import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * What many databases (homes) would have to carry, from what one of them was measured to cost: nothing here was run at that size. The text
 * is in docs/scale.md; this prints its figures.
 *
 * <pre>
 * java -cp target/bench-classes io.postroom.bench.ScaleSimulation 1000000 1000 200
 * </pre>
 *
 * <p>Arguments: messages a second in all, homes, processes that work. The costs of a unit are constants with the workload they come from
 * (docs/benchmarks.md, two cores of one machine), so a new measurement is a change of one line. Costs that are shared by a commit do not
 * grow with the number of homes; what a process does for each home does.
 */
final class ScaleSimulation {
    /** Microseconds of CPU a message, client and server, from creation to completion: W4. */
    private static final double SHARED_COMMIT_US = 6.80 + 21.5;

    private static final double OWN_COMMIT_US = 81.9 + 158;
    /** Bytes of WAL a message: W4, shared commits. */
    private static final double WAL_BYTES = 632;
    /** Bytes on disk of a message that has ended, with its history and indexes: W9, (757 + 121 MB) / 2,000,000. */
    private static final double KEPT_BYTES = 439;

    private static final int RETENTION_DAYS = 7;
    /** Connections that an engine keeps: up to 8 for its work, 2 for heartbeat and LISTEN. */
    private static final int CONNECTIONS = 10;
    /** Statements a second of a process with nothing to do, and percent of a core of its server: W7. */
    private static final double IDLE_STATEMENTS = 1.88;

    private static final double IDLE_PERCENT = 0.30;
    /** Microseconds of CPU that each further listening process adds to a message of a busy queue: W11, (126 - 38) / 15. */
    private static final double LISTENER_US = 5.9;
    /** Threads that an engine keeps besides those of handlers: W10. */
    private static final int THREADS = 32;

    private static final int CORES_OF_A_HOME = 8;

    private final double messages;
    private final int homes;
    private final int processes;

    private ScaleSimulation(double messages, int homes, int processes) {
        this.messages = messages;
        this.homes = homes;
        this.processes = processes;
    }

    public static void main(String[] args) {
        if (args.length != 3) {
            throw new IllegalArgumentException("three numbers: messages a second, homes, processes");
        }
        ScaleSimulation simulation =
                new ScaleSimulation(Double.parseDouble(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]));
        simulation.load();
        for (int homesOfAProcess : new int[] {1, 10, simulation.homes}) {
            simulation.connections(homesOfAProcess);
        }
        for (double exponent : new double[] {0, 0.5, 1}) {
            simulation.skew(exponent);
        }
        for (int asked : new int[] {1, 10, 100, simulation.homes}) {
            askingAll(asked);
        }
    }

    private static void say(String what, Object... values) {
        System.out.printf(Locale.ROOT, what + "%n", values);
    }

    private void load() {
        double each = messages / homes;
        say("load: %,.0f messages/s on %,d homes, %,.0f each", messages, homes, each);
        say(
                "  CPU, cores in all: %,.0f with shared commits, %,.0f with a commit each; of a home: %.2f and %.2f",
                messages * SHARED_COMMIT_US / 1e6,
                messages * OWN_COMMIT_US / 1e6,
                each * SHARED_COMMIT_US / 1e6,
                each * OWN_COMMIT_US / 1e6);
        say("  WAL, MB/s: %,.0f in all, %.2f a home", messages * WAL_BYTES / 1e6, each * WAL_BYTES / 1e6);
        say(
                "  kept for %d days, TB: %,.0f in all, %.2f a home",
                RETENTION_DAYS,
                messages * 86_400 * RETENTION_DAYS * KEPT_BYTES / 1e12,
                each * 86_400 * RETENTION_DAYS * KEPT_BYTES / 1e12);
    }

    private void connections(int homesOfAProcess) {
        int served = Math.min(homesOfAProcess, homes);
        double processesOfAHome = (double) processes * served / homes;
        say(
                "each of %,d processes works for %,d homes: %,.1f processes and %,.0f connections a home,"
                        + " %,d connections and %,d threads a process",
                processes,
                served,
                processesOfAHome,
                processesOfAHome * CONNECTIONS,
                served * CONNECTIONS,
                served * THREADS);
        say(
                "  at rest: %,.0f statements/s and %.1f %% of a core a home; busy: listeners add %,.0f us a message",
                processesOfAHome * IDLE_STATEMENTS,
                processesOfAHome * IDLE_PERCENT,
                Math.max(0, processesOfAHome - 1) * LISTENER_US);
    }

    /**
     * Places a million keys, as often used as Zipf says, on the homes by a hash.
     *
     * @param exponent 0: all keys are used alike
     */
    private void skew(double exponent) {
        int keys = 1_000_000;
        SplittableRandom random = new SplittableRandom(7);
        double[] load = new double[homes];
        double all = 0;
        double first = 1;
        for (int key = 1; key <= keys; key++) {
            double weight = Math.pow(key, -exponent);
            load[random.nextInt(homes)] += weight;
            all += weight;
        }
        double most = Arrays.stream(load).max().orElseThrow() / all;
        double needed = most * messages * OWN_COMMIT_US / 1e6;
        say(
                "1,000,000 keys, Zipf %.1f: the busiest home has %.1f x the mean and the first key %.2f %% of all;"
                        + " it needs %.1f cores with a commit each, and has %d",
                exponent, most * homes, first / all * 100, needed, CORES_OF_A_HOME);
    }

    /**
     * A question to all homes ends with the slowest. How long one takes is assumed: around 1 ms, 20 ms for one in a hundred, 200 ms for one
     * in ten thousand.
     */
    private static void askingAll(int homes) {
        SplittableRandom random = new SplittableRandom(11);
        int questions = 20_000;
        long[] micros = new long[questions];
        for (int question = 0; question < questions; question++) {
            for (int home = 0; home < homes; home++) {
                double luck = random.nextDouble();
                long took = (long) (1_000 * (luck < 0.0001 ? 200 : luck < 0.01 ? 20 : 0.5 + random.nextDouble()));
                micros[question] = Math.max(micros[question], took);
            }
        }
        say(
                "a question to %,d homes: p50 %.1f ms, p99 %.1f ms, %,d statements",
                homes, Figures.percentile(micros, 50) / 1e3, Figures.percentile(micros, 99) / 1e3, homes);
    }
}
