package io.postroom.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** What a workload found: a row for each line of its table, and how that compares with the goals. */
final class WorkloadResult {
    private final String id;
    private final String title;
    private final List<Row> rows = new ArrayList<>();
    private final List<Goal> goals = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    WorkloadResult(String id, String title) {
        this.id = id;
        this.title = title;
    }

    /**
     * A line of the table.
     *
     * @param base whose sample of the same round this one is compared with; null: none
     * @param extra further figures by their names
     */
    record Row(
            String name,
            String settings,
            List<Sample> samples,
            @Nullable Row base,
            Map<String, String> extra) {
        Figures figures(ToDoubleFunction<Sample> figure) {
            return Figures.of(samples.stream().mapToDouble(figure));
        }

        /** Returns the ratio of each round's figure to the base's figure of the same round. */
        Figures ratio(ToDoubleFunction<Sample> figure) {
            return base == null ? Figures.of(java.util.stream.DoubleStream.empty()) : ratio(base, figure);
        }

        Figures ratio(Row other, ToDoubleFunction<Sample> figure) {
            int rounds = Math.min(samples.size(), other.samples.size());
            return Figures.of(java.util.stream.IntStream.range(0, rounds)
                    .mapToDouble(
                            i -> figure.applyAsDouble(samples.get(i)) / figure.applyAsDouble(other.samples.get(i))));
        }

        Row extra(String name, String value) {
            extra.put(name, value);
            return this;
        }

        boolean hasLatencies() {
            return samples.stream().anyMatch(sample -> sample.latencies().length > 0);
        }
    }

    /** @param met null: not compared */
    record Goal(String text, String measured, @Nullable Boolean met) {
        @Override
        public String toString() {
            return "goal " + text + ": " + measured + (met == null ? "" : met ? ", met" : ", NOT MET");
        }
    }

    Row row(String name, String settings, @Nullable Row base) {
        Row row = new Row(name, settings, new ArrayList<>(), base, new LinkedHashMap<>());
        rows.add(row);
        return row;
    }

    void note(String note) {
        notes.add(note);
    }

    /** A figure that could not be measured is not compared. */
    void atLeast(String text, double value, double bound, Options options) {
        goals.add(new Goal(text, Figures.number(value), compared(value, value >= bound, options)));
    }

    void atMost(String text, double value, double bound, Options options) {
        goals.add(new Goal(text, Figures.number(value), compared(value, value <= bound, options)));
    }

    private static @Nullable Boolean compared(double value, boolean met, Options options) {
        return Double.isNaN(value) || !options.comparesWithGoals() ? null : Boolean.valueOf(met);
    }

    Optional<Row> find(String name) {
        return rows.stream().filter(row -> row.name.equals(name)).findFirst();
    }

    String id() {
        return id;
    }

    String title() {
        return title;
    }

    List<Row> rows() {
        return rows;
    }

    List<Goal> goals() {
        return goals;
    }

    List<String> notes() {
        return notes;
    }
}
