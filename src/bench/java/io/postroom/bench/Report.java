package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Texts and files: tables for the screen and for docs/benchmarks.md, all rounds as JSON, a chart. Written anew after each workload. */
final class Report {
    private final Environment environment;
    private final Path directory;
    private final List<WorkloadResult> results = new ArrayList<>();

    Report(Environment environment, Path directory) {
        this.environment = environment;
        this.directory = directory;
    }

    void add(WorkloadResult result) throws IOException {
        results.add(result);
        Files.createDirectories(directory);
        Files.writeString(directory.resolve("results.json"), json());
        Files.writeString(directory.resolve("benchmarks.md"), markdown());
        Files.writeString(directory.resolve("benchmark.svg"), Chart.svg(results, environment));
    }

    /** One measurement, while it goes on. */
    static String line(String id, int round, String name, Sample sample) {
        String text = String.format(
                Locale.ROOT,
                "  %-3s round %d  %-28s %10s/s  CPU %s + %s  WAL %s B  foreign %.2f",
                id,
                round,
                name,
                Figures.number(sample.rate()),
                Figures.number(sample.clientCpu()),
                Figures.number(sample.serverCpu()),
                Figures.number(sample.wal()),
                sample.foreignCores());
        if (sample.latencies().length > 0) {
            text += String.format(
                    Locale.ROOT,
                    "  p50 %.2f p99 %.2f max %.1f ms",
                    sample.latencyMillis(50),
                    sample.latencyMillis(99),
                    sample.latencyMillis(100));
        }
        return round == 0 ? text + "  (warm-up)" : text;
    }

    // --- tables

    private static List<List<String>> table(WorkloadResult result) {
        boolean latencies = result.rows().stream().anyMatch(Row::hasLatencies);
        List<String> head = new ArrayList<>(
                List.of("", "messages/s", "x raw-tx", "CPU ms per 1,000: client + server", "WAL B", "foreign cores"));
        if (latencies) {
            head.add("p50 / p95 / p99 / max ms");
        }
        head.add("settings");
        List<List<String>> table = new ArrayList<>(List.of(head));
        for (Row row : result.rows()) {
            List<String> cells = new ArrayList<>();
            cells.add(row.name());
            cells.add(median(row, Sample::rate));
            cells.add(row.base() == null ? "-" : row.ratio(Sample::rate).text());
            cells.add(median(row, Sample::clientCpu) + " + " + median(row, Sample::serverCpu));
            cells.add(median(row, Sample::wal));
            cells.add(String.format(
                    Locale.ROOT, "%.2f", row.figures(Sample::foreignCores).median()));
            if (latencies) {
                cells.add(row.hasLatencies() ? latencies(row) : "-");
            }
            String extra = row.extra().entrySet().stream()
                    .map(entry -> entry.getKey() + " " + entry.getValue() + "; ")
                    .reduce("", String::concat);
            cells.add(extra + row.settings());
            table.add(cells);
        }
        return table;
    }

    private static String median(Row row, ToDoubleFunction<Sample> figure) {
        return Figures.number(row.figures(figure).median());
    }

    private static String latencies(Row row) {
        return median(row, sample -> sample.latencyMillis(50)) + " / " + median(row, sample -> sample.latencyMillis(95))
                + " / " + median(row, sample -> sample.latencyMillis(99)) + " / "
                + median(row, sample -> sample.latencyMillis(100));
    }

    String text(WorkloadResult result) {
        List<List<String>> table = table(result);
        int columns = table.get(0).size();
        int[] widths = new int[columns];
        table.forEach(cells -> {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(widths[i], cells.get(i).length());
            }
        });
        StringBuilder text = new StringBuilder("\n");
        text.append(result.id()).append("  ").append(result.title()).append("\n");
        if (environment.isUnsafe()) {
            text.append(environment.warning()).append("\n");
        }
        for (List<String> cells : table) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                boolean left = i == 0 || i == columns - 1;
                int width = i == columns - 1 ? 1 : widths[i];
                line.append(String.format("%" + (left ? "-" : "") + width + "s  ", cells.get(i)));
            }
            text.append(line.toString().stripTrailing()).append("\n");
        }
        result.goals().forEach(goal -> text.append(goal).append("\n"));
        result.notes().forEach(note -> text.append(note).append("\n"));
        return text.toString();
    }

    String environmentText() {
        StringBuilder text = new StringBuilder();
        environment.facts().forEach((name, value) -> text.append(String.format("%-20s %s%n", name, value)));
        if (environment.isUnsafe()) {
            text.append(environment.warning()).append("\n");
        }
        return text.toString();
    }

    String markdown() {
        StringBuilder text = new StringBuilder();
        if (environment.isUnsafe()) {
            text.append("**").append(environment.warning()).append("**\n\n");
        }
        text.append("| measured with | |\n|---|---|\n");
        environment
                .facts()
                .forEach((name, value) -> text.append("| ")
                        .append(name)
                        .append(" | ")
                        .append(value)
                        .append(" |\n"));
        for (WorkloadResult result : results) {
            text.append("\n## ").append(result.id()).append(" ").append(result.title());
            text.append(environment.isUnsafe() ? " (UNSAFE)\n\n" : "\n\n");
            List<List<String>> table = table(result);
            for (int i = 0; i < table.size(); i++) {
                text.append("| ").append(String.join(" | ", table.get(i))).append(" |\n");
                if (i == 0) {
                    text.append("|---".repeat(table.get(0).size())).append("|\n");
                }
            }
            text.append("\n");
            result.goals().forEach(goal -> text.append("- ").append(goal).append("\n"));
            result.notes().forEach(note -> text.append("- ").append(note).append("\n"));
        }
        return text.toString();
    }

    // --- everything

    String json() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("unsafe", environment.unsafe());
        all.put("environment", environment.facts());
        all.put("workloads", results.stream().map(Report::workload).toList());
        return JsonMapper.builder()
                .enable(SerializationFeature.INDENT_OUTPUT)
                .build()
                .writeValueAsString(all);
    }

    private static Map<String, Object> workload(WorkloadResult result) {
        Map<String, Object> workload = new LinkedHashMap<>();
        workload.put("id", result.id());
        workload.put("title", result.title());
        workload.put(
                "lines",
                result.rows().stream()
                        .map(row -> {
                            Map<String, Object> line = new LinkedHashMap<>();
                            line.put("name", row.name());
                            line.put("settings", row.settings());
                            line.put("extra", row.extra());
                            line.put("rateToRawTx", values(row.ratio(Sample::rate)));
                            line.put("cpuToRawTx", values(row.ratio(Sample::cpu)));
                            line.put(
                                    "rounds",
                                    row.samples().stream().map(Report::sample).toList());
                            return line;
                        })
                        .toList());
        workload.put("goals", result.goals());
        workload.put("notes", result.notes());
        return workload;
    }

    private static Map<String, Object> values(Figures figures) {
        Map<String, Object> values = new LinkedHashMap<>();
        if (figures.count() > 0) {
            values.put("median", figures.median());
            values.put("least", figures.least());
            values.put("most", figures.most());
        }
        return values;
    }

    private static Map<String, Object> sample(Sample sample) {
        Map<String, Object> round = new LinkedHashMap<>();
        round.put("messages", sample.messages());
        round.put("seconds", sample.seconds());
        round.put("perSecond", known(sample.rate()));
        round.put("clientCpuMillisPer1000", known(sample.clientCpu()));
        round.put("serverCpuMillisPer1000", known(sample.serverCpu()));
        round.put("walBytesPerMessage", known(sample.wal()));
        round.put("foreignCores", known(sample.foreignCores()));
        if (sample.latencies().length > 0) {
            for (double percent : new double[] {50, 95, 99, 100}) {
                round.put("p" + (int) percent + "Millis", sample.latencyMillis(percent));
            }
        }
        return round;
    }

    private static @org.jspecify.annotations.Nullable Double known(double value) {
        return Double.isFinite(value) ? value : null;
    }
}
