package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * W2c: 8 threads, each transaction inserts one business row and commits: alone, with a plain INSERT of a payload beside it, or with a
 * message. Measures what a message adds to a caller's transaction, against what a plain INSERT adds.
 */
final class CallerWorkload implements Workload {
    private static final double SECONDS = 4;

    @Override
    public String id() {
        return "W2c";
    }

    @Override
    public String title() {
        return "one message beside a business row in the caller's transaction, 8 threads";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) (0.3e9 * options.scale());
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Options options = bench.options();
        Rounds rounds = new Rounds(bench, result);
        Row raw = add(rounds, result, BusinessRows.withRow(), null, bench);
        Row alone = add(rounds, result, BusinessRows.alone(), raw, bench);
        Row postroom = add(rounds, result, BusinessRows.withMessage(), raw, bench);
        rounds.run();
        for (Row row : new Row[] {raw, postroom}) {
            row.extra(
                    "adds CPU",
                    text(row, alone, Sample::clientCpu) + " + " + text(row, alone, Sample::serverCpu) + ", WAL "
                            + text(row, alone, Sample::wal) + " B");
        }
        Figures added = addedRatio(postroom, raw, alone, Sample::cpu);
        result.note("a message adds " + added.text() + " x the CPU that a plain INSERT adds");
        result.atMost("CPU a message adds <= 1.3 x what a plain INSERT adds", added.median(), 1.3, options);
        result.atLeast(
                "rate >= 0.85 x with a plain INSERT",
                postroom.ratio(Sample::rate).median(),
                0.85,
                options);
        return result;
    }

    static Row add(Rounds rounds, WorkloadResult result, Contender contender, @Nullable Row base, Bench bench) {
        Row row = result.row(contender.name(), contender.settings(), base);
        rounds.add(
                row,
                warmUp -> bench.trial(contender, opened -> {
                    opened.settle();
                    long nanos = bench.options().nanos(SECONDS);
                    return opened.meter().measure(() -> EnqueueWorkload.singles(opened.line(), nanos));
                }));
        return row;
    }

    private static String text(Row row, Row alone, ToDoubleFunction<Sample> figure) {
        return Figures.number(added(row, alone, figure).median());
    }

    /** What a row has above another in each round. */
    static Figures added(Row row, Row alone, ToDoubleFunction<Sample> figure) {
        return Figures.of(IntStream.range(0, rounds(row, alone)).mapToDouble(i -> difference(row, alone, figure, i)));
    }

    /** The quotient of what two rows have above a third, in each round. A round in which the divisor adds nothing is left out. */
    static Figures addedRatio(Row row, Row other, Row alone, ToDoubleFunction<Sample> figure) {
        int rounds = Math.min(rounds(row, alone), rounds(other, alone));
        return Figures.of(IntStream.range(0, rounds).mapToDouble(i -> {
            double divisor = difference(other, alone, figure, i);
            return divisor > 0 ? difference(row, alone, figure, i) / divisor : Double.NaN;
        }));
    }

    private static int rounds(Row row, Row other) {
        return Math.min(row.samples().size(), other.samples().size());
    }

    private static double difference(Row row, Row other, ToDoubleFunction<Sample> figure, int round) {
        return figure.applyAsDouble(row.samples().get(round))
                - figure.applyAsDouble(other.samples().get(round));
    }
}
