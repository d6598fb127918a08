package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.sql.SQLException;

/**
 * What it costs when nothing is to be done: statements a second, as this JVM sends them through {@link CountingDriver}, and CPU of both
 * sides. Not thread-safe.
 */
final class AtRest {
    private final Bench bench;
    private final Meter meter;
    private final long statements;

    private AtRest(Bench bench, Meter meter, long statements) {
        this.bench = bench;
        this.meter = meter;
        this.statements = statements;
    }

    /** Waits until what was begun before has come to rest, and counts statements from then on. */
    static AtRest settled(Bench bench, Connection connection, double seconds)
            throws SQLException, InterruptedException {
        Meter meter = new Meter(connection, bench.server().isLocal());
        Thread.sleep(bench.options().nanos(seconds) / 1_000_000);
        return new AtRest(bench, meter, CountingDriver.statements());
    }

    /** Measures for so long, and adds the sample and the statements to the row. Call it once, soon after {@link #settled}. */
    Cost measure(double seconds, Row row) throws SQLException, InterruptedException {
        Meter.Mark from = meter.mark();
        Thread.sleep(bench.options().nanos(seconds) / 1_000_000);
        Sample sample = Meter.between(from, meter.mark(), 0);
        Cost cost = new Cost(sample, (CountingDriver.statements() - statements) / sample.seconds());
        row.samples().add(sample);
        row.extra("statements/s", Figures.number(cost.statementsPerSecond));
        return cost;
    }

    record Cost(Sample sample, double statementsPerSecond) {
        /** Percent of one core, of both sides. */
        double load() {
            return sample.clientLoad() + sample.serverLoad();
        }

        void addLoadTo(Row row) {
            row.extra(
                    "% of a core, client + server",
                    Figures.number(sample.clientLoad()) + " + " + Figures.number(sample.serverLoad()));
        }
    }
}
