package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * W5: W1 with 100,000, 2,000,000 and 10,000,000 messages waiting. Measures whether a message costs more behind a deep backlog: 50,000 at a
 * time, of a shallow one the first of five fresh fills, of a deep one five in a row, so that noise can be told from depth.
 */
final class BacklogWorkload implements Workload {
    private static final int SLICE = 50_000;
    private static final int SLICES = 5;
    private static final int SHALLOW = 100_000;
    private static final int[] DEPTHS = {SHALLOW, 2_000_000, 10_000_000};

    @Override
    public String id() {
        return "W5";
    }

    @Override
    public String title() {
        return "drain of " + SLICE / 1000 + ",000 with many more waiting";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(DEPTHS[DEPTHS.length - 1]) * 700L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        List<Contender> contenders = bench.chosen(Contenders.rawTx(), Contenders.postroom());
        for (Contender contender : contenders) { // warms up
            slices(bench, contender, SHALLOW, 1, "warm-up");
        }
        Map<String, Row> shallow = new HashMap<>();
        for (int depth : DEPTHS) {
            Row base = null;
            List<Row> rows = new ArrayList<>();
            for (Contender contender : contenders) {
                Row row = result.row(name(contender, depth), contender.settings(), base);
                base = base == null ? row : base;
                rows.add(row);
                shallow.putIfAbsent(contender.name(), row);
            }
            for (int fill = 0; fill < (depth == SHALLOW ? SLICES : 1); fill++) {
                for (int i = 0; i < contenders.size(); i++) {
                    int slices = depth == SHALLOW ? 1 : SLICES;
                    rows.get(i)
                            .samples()
                            .addAll(slices(
                                    bench,
                                    contenders.get(i),
                                    depth,
                                    slices,
                                    rows.get(i).name()));
                }
            }
            for (int i = 0; i < contenders.size(); i++) {
                Row row = rows.get(i);
                Row first = shallow.get(contenders.get(i).name());
                row.extra(
                        "CPU of the slices",
                        row.samples().stream()
                                .map(sample -> Figures.number(sample.cpu()))
                                .collect(Collectors.joining(", ")));
                row.extra(
                        "CPU x that of the shallow one",
                        Figures.number(row.figures(Sample::cpu).median()
                                / first.figures(Sample::cpu).median()));
            }
        }
        Row deepest = result.find(name(Contenders.postroom(), DEPTHS[DEPTHS.length - 1]))
                .orElseThrow();
        double ratio = deepest.figures(Sample::cpu).median()
                / shallow.get("postroom").figures(Sample::cpu).median();
        result.atMost("CPU with 10,000,000 waiting <= 1.05 x with 100,000", ratio, 1.05, bench.options());
        return result;
    }

    private static String name(Contender contender, int depth) {
        return String.format("%s, %,d waiting", contender.name(), depth);
    }

    private List<Sample> slices(Bench bench, Contender contender, int depth, int slices, String name) throws Exception {
        int slice = bench.options().messages(SLICE);
        return bench.trial(contender, opened -> {
            long began = System.nanoTime();
            opened.line().fill(bench.options().messages(depth), Payloads.usual());
            opened.settle();
            bench.say(
                    String.format("  %s  %s: filled in %d s", id(), name, (System.nanoTime() - began) / 1_000_000_000));
            opened.line().prepare(any -> {});
            List<Sample> samples = new ArrayList<>();
            Meter.Mark from = opened.meter().mark();
            opened.line().begin();
            long counted = 0;
            for (int i = 1; i <= slices; i++) {
                while (opened.line().acknowledged() < (long) i * slice) {
                    Thread.sleep(1);
                }
                long now = opened.line().acknowledged();
                Meter.Mark to = opened.meter().mark();
                samples.add(Meter.between(from, to, now - counted));
                counted = now;
                from = to;
                bench.say(Report.line(id(), i, name, samples.get(i - 1)));
            }
            return samples;
        });
    }
}
