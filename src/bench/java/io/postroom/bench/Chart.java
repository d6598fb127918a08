package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** Bars for W1: CPU per message and rate, less than a screen high. */
final class Chart {
    private static final int WIDTH = 760;
    private static final int BAR = 18;
    private static final int STEP = 26;
    private static final int LEFT = 130;
    private static final int LONGEST = 480;

    private Chart() {}

    /** Empty, but well-formed, without W1. */
    static String svg(List<WorkloadResult> results, Environment environment) {
        List<Row> rows = results.stream()
                .filter(result -> result.id().equals("W1"))
                .findFirst()
                .map(WorkloadResult::rows)
                .orElse(List.of());
        StringBuilder body = new StringBuilder();
        int y = 24;
        if (environment.isUnsafe()) {
            body.append(text(10, y, "bold", environment.warning()));
            y += STEP;
        }
        y = bars(body, y, "Drain (W1): CPU microseconds per message, client + server", rows, Sample::cpu);
        y = bars(body, y + 16, "Drain (W1): messages per second", rows, Sample::rate);
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + WIDTH + "\" height=\"" + (y + 10)
                + "\" font-family=\"sans-serif\" font-size=\"13\">\n"
                + "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + body + "</svg>\n";
    }

    private static int bars(
            StringBuilder body, int top, String title, List<Row> rows, ToDoubleFunction<Sample> figure) {
        body.append(text(10, top, "bold", title));
        int y = top + 12;
        double most = rows.stream()
                .flatMapToDouble(row ->
                        java.util.stream.DoubleStream.of(row.figures(figure).median()))
                .filter(Double::isFinite)
                .max()
                .orElse(1);
        for (Row row : rows) {
            double value = row.figures(figure).median();
            double length = Double.isFinite(value) ? Math.max(1, value / most * LONGEST) : 0;
            String color = row.name().equals("postroom") ? "#1f6feb" : "#9aa4af";
            body.append(text(10, y + 14, "normal", row.name()));
            body.append(String.format(
                    Locale.ROOT,
                    "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n",
                    LEFT,
                    y,
                    length,
                    BAR,
                    color));
            body.append(text((int) (LEFT + length + 6), y + 14, "normal", Figures.number(value)));
            y += STEP;
        }
        return y + 8;
    }

    private static String text(int x, int y, String weight, String text) {
        String escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
        return "<text x=\"" + x + "\" y=\"" + y + "\" font-weight=\"" + weight + "\" fill=\"#1f2328\">" + escaped
                + "</text>\n";
    }
}
