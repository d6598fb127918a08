package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.ArrayList;
import java.util.List;

/** Measures lines of a table in turns, A B C A B C, so that what happens on the machine meanwhile hits all of them. Round 0 warms up and is forgotten. */
final class Rounds {
    interface Measurement {
        Sample take(boolean warmUp) throws Exception;
    }

    private record Turn(Row row, int rounds, Measurement measurement) {}

    private final Bench bench;
    private final List<Turn> turns = new ArrayList<>();

    Rounds(Bench bench) {
        this.bench = bench;
    }

    void add(Row row, Measurement measurement) {
        add(row, bench.options().rounds(), measurement);
    }

    /** @param rounds fewer than the others have, for one that takes long */
    void add(Row row, int rounds, Measurement measurement) {
        turns.add(new Turn(row, Math.min(rounds, bench.options().rounds()), measurement));
    }

    void run(String id) throws Exception {
        for (int round = 0; round <= bench.options().rounds(); round++) {
            for (Turn turn : turns) {
                if (round > turn.rounds) {
                    continue;
                }
                Sample sample = turn.measurement.take(round == 0);
                if (round > 0) {
                    turn.row.samples().add(sample);
                }
                bench.say(Report.line(id, round, turn.row.name(), sample));
            }
        }
    }
}
