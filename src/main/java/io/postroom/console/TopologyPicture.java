package io.postroom.console;

import io.postroom.internal.postgres.console.BindingLine;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** An exchange and where its bindings lead, drawn as SVG. A table with the same stands below it, so that nobody has to see it. */
final class TopologyPicture {
    /** Lines between more boxes cannot be told apart. */
    static final int MOST = 30;

    private static final int WIDTH = 640;
    private static final int ROW = 30;
    private static final int BOX = 22;
    private static final int LEFT = 180;
    private static final int RIGHT = 430;
    private static final int LONGEST = 26;

    private TopologyPicture() {}

    /** @param reached queues that the routing key reaches which was asked for */
    static void write(Html html, String exchange, List<BindingLine> bindings, Set<String> reached) {
        int height = bindings.size() * ROW + 8;
        int middle = height / 2;
        html.open(
                "svg",
                "viewBox",
                "0 0 " + WIDTH + " " + height,
                "class",
                "topology",
                "role",
                "img",
                "aria-label",
                "Exchange " + exchange + " and where its bindings lead");
        for (int i = 0; i < bindings.size(); i++) {
            BindingLine binding = bindings.get(i);
            int y = i * ROW + ROW / 2 + 4;
            String name = binding.queue().or(binding::toExchange).orElse("");
            String hit = binding.queue().filter(reached::contains).isPresent() ? "hit" : null;
            html.open("path", "class", hit, "d", "M" + LEFT + " " + middle + " L" + RIGHT + " " + y)
                    .close();
            box(html, RIGHT, y, WIDTH - RIGHT - 2, binding.queue().isPresent() ? name : "exchange " + name, hit);
            label(html, (LEFT + RIGHT) / 2 + 20, y - (y - middle) / 4, binding.routingKey());
        }
        box(html, 2, middle, LEFT - 2, exchange, null);
        html.close().line();
    }

    private static void box(Html html, int x, int y, int width, String name, @Nullable String hit) {
        html.open(
                        "rect",
                        "class",
                        hit,
                        "x",
                        x + "",
                        "y",
                        y - BOX / 2 + "",
                        "width",
                        width + "",
                        "height",
                        BOX + "",
                        "rx",
                        "4")
                .close();
        html.element("text", shortened(name), "x", x + 8 + "", "y", y + 4 + "");
    }

    private static void label(Html html, int x, int y, String key) {
        html.element("text", shortened(key), "x", x + "", "y", y - 2 + "", "class", "key", "text-anchor", "middle");
    }

    private static String shortened(String name) {
        return name.length() <= LONGEST ? name : name.substring(0, LONGEST - 1) + "\u2026";
    }
}
