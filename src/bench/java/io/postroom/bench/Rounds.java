package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Measures lines of a table in turns, A B C A B C, so that what happens on the machine meanwhile hits all of them. Round 0 warms up and is
 * forgotten.
 */
final class Rounds {
    interface Measurement {
        Sample take(boolean warmUp) throws Exception;
    }

    private record Turn(Row row, int rounds, Measurement measurement) {}

    private final Bench bench;
    private final WorkloadResult result;
    private final Set<Row> failed = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<Turn> turns = new ArrayList<>();

    Rounds(Bench bench, WorkloadResult result) {
        this.bench = bench;
        this.result = result;
    }

    void add(Row row, Measurement measurement) {
        add(row, bench.options().rounds(), measurement);
    }

    /** @param rounds fewer than the others have, for one that takes long */
    void add(Row row, int rounds, Measurement measurement) {
        if (bench.options().measures(row.name())) {
            turns.add(new Turn(row, Math.min(rounds, bench.options().rounds()), measurement));
        }
    }

    void run() throws InterruptedException {
        run(bench.options().rounds());
    }

    /** @param most rounds, if more were asked for */
    void run(int most) throws InterruptedException {
        for (int round = 0; round <= Math.min(most, bench.options().rounds()); round++) {
            for (Turn turn : turns) {
                if (round <= turn.rounds) {
                    take(turn, round);
                }
            }
        }
    }

    /** One that fails must not spoil an hour of the others: it is noted, and left out from then on. */
    private void take(Turn turn, int round) throws InterruptedException {
        Sample sample = Sample.NONE;
        if (!failed.contains(turn.row)) {
            try {
                sample = turn.measurement.take(round == 0);
                bench.say(Report.line(result.id(), round, turn.row.name(), sample));
            } catch (InterruptedException stopped) {
                throw stopped;
            } catch (Exception e) {
                bench.server().refuseIfClosed();
                failed.add(turn.row);
                result.note(turn.row.name() + " FAILED in round " + round + " and was left out from then on: " + e);
                bench.say("  " + result.id() + " round " + round + "  " + turn.row.name() + " FAILED");
                e.printStackTrace();
            }
        }
        if (round > 0) {
            turn.row.samples().add(sample);
        }
    }
}
