package io.postroom.console;

import io.postroom.console.Cells.Cell;
import io.postroom.internal.postgres.console.MinuteLine;
import java.util.List;

/** A chart of columns, one a minute, drawn as SVG. A table has the same figures, so that nobody has to see the columns. */
final class Columns {
    private static final int WIDTH = 16;
    private static final int GAP = 4;
    private static final int HEIGHT = 80;

    private Columns() {}

    static void write(Page page, List<MinuteLine> minutes) {
        long created = minutes.stream().mapToLong(MinuteLine::created).sum();
        long ended = minutes.stream().mapToLong(MinuteLine::ended).sum();
        String about = minutes.stream().anyMatch(MinuteLine::estimated) ? "about " : "";
        page.heading("The last " + minutes.size() + " minutes");
        if (created == 0) {
            page.text("No message was created.");
            return;
        }
        page.text((about.isEmpty() ? "" : "About ") + Cells.grouped(created)
                + (created == 1 ? " message was created, of which " : " messages were created, of which ") + about
                + Cells.grouped(ended) + (ended == 1 ? " has" : " have") + " ended.");
        draw(page.html(), minutes);
        page.html().open("details").element("summary", "The figures of each minute");
        page.table(
                "Messages created in each minute, and how many of these have ended",
                List.of("Minute", "Created", "Ended"),
                minutes.stream().map(Columns::row).toList(),
                "");
        page.html().close().line();
    }

    private static List<Cell> row(MinuteLine minute) {
        String about = minute.estimated() ? "about " : "";
        return List.of(
                Cells.time(minute.at()),
                Cells.text(about + Cells.grouped(minute.created())),
                Cells.text(about + Cells.grouped(minute.ended())));
    }

    private static void draw(Html html, List<MinuteLine> minutes) {
        long highest = minutes.stream().mapToLong(MinuteLine::created).max().orElse(0);
        int width = minutes.size() * (WIDTH + GAP);
        html.open("svg", "class", "columns", "viewBox", "0 0 " + width + " " + HEIGHT, "aria-hidden", "true");
        for (int i = 0; i < minutes.size(); i++) {
            column(html, "created", i, minutes.get(i).created(), highest);
            column(html, "ended", i, minutes.get(i).ended(), highest);
        }
        html.close().line();
        html.element(
                        "p",
                        "A column is a minute, the highest one has " + Cells.grouped(highest)
                                + ". Its filled part are the messages that have ended.",
                        "class",
                        "hint")
                .line();
    }

    private static void column(Html html, String part, int place, long count, long highest) {
        if (count == 0) {
            return;
        }
        long height = Math.max(1, count * HEIGHT / highest);
        html.open(
                        "rect",
                        "class",
                        part,
                        "x",
                        String.valueOf(place * (WIDTH + GAP)),
                        "y",
                        String.valueOf(HEIGHT - height),
                        "width",
                        String.valueOf(WIDTH),
                        "height",
                        String.valueOf(height))
                .close();
    }
}
