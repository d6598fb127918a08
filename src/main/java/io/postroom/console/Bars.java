package io.postroom.console;

import java.util.Map;

/** A small chart of bars, drawn as SVG. Its figures stand beside the bars, so that nobody has to see these. */
final class Bars {
    private static final int WIDTH = 200;
    private static final int HEIGHT = 10;

    private Bars() {}

    /** @param most where the counts stop */
    static void write(Html html, String caption, Map<String, Long> counts, long most) {
        long longest = counts.values().stream().mapToLong(Long::longValue).max().orElse(0);
        html.open("table", "class", "bars").element("caption", caption).open("tbody");
        counts.forEach((name, count) -> {
            html.open("tr").element("th", name, "scope", "row").open("td");
            html.open("svg", "width", String.valueOf(WIDTH), "height", String.valueOf(HEIGHT), "aria-hidden", "true");
            html.open(
                    "rect",
                    "width",
                    String.valueOf(longest == 0 ? 0 : count * WIDTH / longest),
                    "height",
                    String.valueOf(HEIGHT));
            html.close().close().close().open("td");
            Cells.count(count, most).write(html);
            html.close().close();
        });
        html.close().close().line();
    }
}
