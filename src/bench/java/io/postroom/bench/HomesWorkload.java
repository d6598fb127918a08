package io.postroom.bench;

import io.postroom.api.CreateMessage;
import io.postroom.bench.Load.Way;
import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;

/**
 * W22: several homes, all of them databases of one server, so that CPU counts and not rates. A drain and W4 with one home against an engine
 * without homes, and with two and four homes against one; W2c with one home; how long it takes to find a message on one of four; and
 * sixteen homes at rest.
 */
final class HomesWorkload implements Workload {
    private static final int[] HOMES = {1, 2, 4};
    private static final double TOGETHER_SECONDS = 15;
    private static final double GOAL_ONE = 1.01;
    private static final double GOAL_MORE = 1.1;

    private static final int FIND_HOMES = 4;
    private static final int STORED = 20_000;
    private static final int FINDS = 2_000;
    private static final double GOAL_FIND_MILLIS = 20;

    private static final int HOMES_AT_REST = 16;
    private static final double SETTLE_SECONDS = 60;
    private static final double REST_SECONDS = 60;
    private static final double GOAL_STATEMENTS = 2;
    private static final double GOAL_LOAD = 2;

    @Override
    public String id() {
        return "W22";
    }

    @Override
    public String title() {
        return "several homes on one server";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(DrainWorkload.MESSAGES) * 1_000L + HOMES_AT_REST * 20_000_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        if (!bench.options().measures(Contenders.postroom().name())) {
            return result;
        }
        Rounds rounds = new Rounds(bench, result);
        int messages = bench.options().messages(DrainWorkload.MESSAGES);
        Map<Integer, Row> drains = rows(
                bench,
                result,
                rounds,
                "drain",
                (opened, homes) -> DrainWorkload.drain(opened, messages, Payloads.usual()));
        // As many producers for each home: else each would put fewer messages into a commit.
        Map<Integer, Row> together = rows(
                bench,
                result,
                rounds,
                "W4, 8 producers a home",
                (opened, homes) -> TogetherWorkload.together(
                        opened, new Load(Way.SINGLE, homes), bench.options(), TOGETHER_SECONDS));
        Row caller = CallerWorkload.add(rounds, result, BusinessRows.withMessage(), null, bench);
        Row callerOfHome = CallerWorkload.add(rounds, result, BusinessRows.withMessageOfOneHome(), caller, bench);
        rounds.run();
        compare(bench, result, "drain", drains);
        compare(bench, result, "W4", together);
        result.atMost(
                "W2c with one home: CPU <= " + GOAL_ONE + " x without homes",
                callerOfHome.ratio(Sample::cpu).median(),
                GOAL_ONE,
                bench.options());
        find(bench, result);
        rest(bench, result);
        return result;
    }

    private interface Measurement {
        Sample take(Bench.Opened opened, int homes) throws Exception;
    }

    private interface OnHomes<T> {
        T take(Bench.Opened opened) throws Exception;
    }

    /** Adds a row for each number of homes, and returns them by it; 0 is an engine without homes. */
    private static Map<Integer, Row> rows(
            Bench bench, WorkloadResult result, Rounds rounds, String what, Measurement measurement) {
        Map<Integer, Row> rows = new HashMap<>();
        Contender postroom = Contenders.postroom();
        Row base = result.row("postroom, " + what, postroom.settings(), null);
        rows.put(0, base);
        rounds.add(base, warmUp -> bench.trial(postroom, opened -> measurement.take(opened, 1)));
        for (int homes : HOMES) {
            Row row = result.row("postroom, " + what + ", " + homes(homes), "a queue on each, 16 threads in all", base);
            rows.put(homes, row);
            rounds.add(row, warmUp -> onHomes(bench, homes, false, opened -> measurement.take(opened, homes)));
        }
        return rows;
    }

    private static String homes(int number) {
        return number + (number == 1 ? " home" : " homes");
    }

    /** @param counted whether the statements of the homes are counted */
    private static <T> T onHomes(Bench bench, int homes, boolean counted, OnHomes<T> measurement) throws Exception {
        List<BenchDatabase> databases = new ArrayList<>();
        List<BenchDatabase> seen = new ArrayList<>();
        try {
            for (int i = 0; i < homes; i++) {
                BenchDatabase database = bench.server().createDatabase();
                databases.add(database);
                seen.add(counted ? CountingDriver.counted(database) : database);
            }
            BenchDatabase first = databases.get(0);
            try (Connection connection = DriverManager.getConnection(first.url(), first.user(), first.password());
                    HomesLine line = new HomesLine(seen)) {
                Meter meter = new Meter(connection, bench.server().isLocal());
                return measurement.take(new Bench.Opened(Contenders.postroom(), first, line, meter, connection));
            }
        } finally {
            for (BenchDatabase database : databases) {
                bench.server().drop(database);
            }
        }
    }

    private static void compare(Bench bench, WorkloadResult result, String what, Map<Integer, Row> rows) {
        for (int homes : HOMES) {
            boolean isOne = homes == 1;
            double goal = isOne ? GOAL_ONE : GOAL_MORE;
            Row base = rows.get(isOne ? 0 : 1);
            result.atMost(
                    what + " with " + homes(homes) + ": CPU <= " + goal + (isOne ? " x without homes" : " x with one"),
                    rows.get(homes).ratio(base, Sample::cpu).median(),
                    goal,
                    bench.options());
        }
    }

    /** Finds messages of all homes, one id after the other, in random order. */
    private static void find(Bench bench, WorkloadResult result) throws Exception {
        int stored = bench.options().messages(STORED);
        Row row = result.row(
                "postroom, find one id on " + homes(FIND_HOMES),
                String.format("%,d messages that wait; all homes are asked at the same time", stored),
                null);
        Sample sample = onHomes(bench, FIND_HOMES, false, opened -> {
            HomesLine line = (HomesLine) opened.line();
            List<UUID> ids = new ArrayList<>();
            while (ids.size() < stored) {
                CreateMessage message = line.message(Payloads.usual());
                line.messages()
                        .createMessages(Collections.nCopies(Math.min(1_000, stored - ids.size()), message))
                        .forEach(created -> ids.add(created.id()));
            }
            opened.settle();
            Random random = new Random(22);
            int finds = bench.options().messages(FINDS);
            for (int i = 0; i < finds / 4; i++) {
                look(line, ids, random);
            }
            long[] nanos = new long[finds];
            Sample measured = opened.meter().measure(() -> {
                for (int i = 0; i < finds; i++) {
                    nanos[i] = look(line, ids, random);
                }
                return finds;
            });
            return measured.with(nanos);
        });
        row.samples().add(sample);
        bench.say(Report.line("W22", 1, row.name(), sample));
        result.atMost(
                "find one id on " + homes(FIND_HOMES) + ": p99 in ms <= " + GOAL_FIND_MILLIS,
                sample.latencyMillis(99),
                GOAL_FIND_MILLIS,
                bench.options());
    }

    /** Returns how many nanoseconds the answer took. */
    private static long look(HomesLine line, List<UUID> ids, Random random) {
        UUID id = ids.get(random.nextInt(ids.size()));
        long before = System.nanoTime();
        if (line.messages().find(id).isEmpty()) {
            throw new IllegalStateException(id + " is not found");
        }
        return System.nanoTime() - before;
    }

    private static void rest(Bench bench, WorkloadResult result) throws Exception {
        String name = homes(HOMES_AT_REST) + " at rest";
        Row row = result.row("postroom, " + name, "a queue with one handler on each, nothing to do", null);
        AtRest.Cost cost = onHomes(bench, HOMES_AT_REST, true, opened -> {
            opened.line().prepare(any -> {});
            opened.line().begin();
            return AtRest.settled(bench, opened.connection(), SETTLE_SECONDS).measure(REST_SECONDS, row);
        });
        cost.addLoadTo(row);
        bench.say("  W22  " + row.name() + "  " + row.extra());
        result.atMost(
                name + ": statements a second on each <= " + GOAL_STATEMENTS,
                cost.statementsPerSecond() / HOMES_AT_REST,
                GOAL_STATEMENTS,
                bench.options());
        result.atMost(name + ": % of a core in all <= " + GOAL_LOAD, cost.load(), GOAL_LOAD, bench.options());
    }
}
