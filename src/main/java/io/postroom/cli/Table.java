package io.postroom.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * A table for people: aligned columns, as wide as the terminal at most. Texts come from messages, so characters that a terminal would obey
 * or that are not seen are shown as {@code \}{@code u001b}. Numbers stand on the right.
 */
final class Table {
    private static final String GAP = "  ";
    private static final int LEAST = 8;
    /** Columns of texts, which may be cut. Ids, times, states and counts are left whole, because one goes on with them. */
    private static final Set<String> MAY_BE_CUT = Set.of(
            "QUEUE",
            "TYPE",
            "ERROR",
            "REASON",
            "NOTE",
            "TEXT",
            "DEFINITION",
            "HANDLERS",
            "WORKER",
            "ACTOR",
            "ABOUT",
            "NAME",
            "APPLICATION",
            "USER");

    private List<String> names;
    private final List<List<String>> rows = new ArrayList<>();

    Table(String... names) {
        this.names = List.of(names);
    }

    /** Adds a row with a text for each column. */
    Table row(String... cells) {
        if (cells.length != names.size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + names.size() + " columns");
        }
        List<String> row = new ArrayList<>();
        for (String cell : cells) {
            row.add(escaped(cell));
        }
        rows.add(row);
        return this;
    }

    /** Adds a row about an object. Where objects come from several homes, each names its own, which stands in front, and its part. */
    Table row(JsonNode object, String... cells) {
        if (!object.has("home")) {
            return row(cells);
        }
        List<String> places = Stream.of("home", "part").filter(object::has).toList();
        if (rows.isEmpty()) {
            names = Stream.concat(places.stream().map(place -> place.toUpperCase(Locale.ROOT)), names.stream())
                    .toList();
        }
        return row(Stream.concat(places.stream().map(place -> object.path(place).asString()), Stream.of(cells))
                .toArray(String[]::new));
    }

    boolean isEmpty() {
        return rows.isEmpty();
    }

    /** Draws it. Texts are cut where a line would be too wide, the widest column first. */
    String draw(int width) {
        int[] widths = widths(width);
        StringBuilder drawn = new StringBuilder();
        line(drawn, names, widths);
        rows.forEach(row -> line(drawn, row, widths));
        return drawn.toString();
    }

    private int[] widths(int most) {
        int[] widths = new int[names.size()];
        int total = GAP.length() * (names.size() - 1);
        for (int i = 0; i < widths.length; i++) {
            int column = i;
            widths[i] = Math.max(
                    names.get(i).length(),
                    rows.stream()
                            .mapToInt(row -> columns(row.get(column)))
                            .max()
                            .orElse(0));
            total += widths[i];
        }
        while (total > most) {
            int widest = -1;
            for (int i = 0; i < widths.length; i++) {
                if (MAY_BE_CUT.contains(names.get(i))
                        && widths[i] > LEAST
                        && (widest < 0 || widths[i] > widths[widest])) {
                    widest = i;
                }
            }
            if (widest < 0) {
                return widths; // the others alone are wider than the terminal
            }
            widths[widest]--;
            total--;
        }
        return widths;
    }

    private boolean isNumeric(int column) {
        return !rows.isEmpty() && rows.stream().allMatch(row -> row.get(column).matches("-?\\d*\\+?"));
    }

    private void line(StringBuilder drawn, List<String> cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            String cell = cut(cells.get(i), widths[i]);
            String space = " ".repeat(widths[i] - columns(cell));
            line.append(i == 0 ? "" : GAP).append(isNumeric(i) ? space + cell : cell + space);
        }
        drawn.append(line.toString().stripTrailing()).append('\n');
    }

    static String cut(String text, int most) {
        if (columns(text) <= most) {
            return text;
        }
        StringBuilder cut = new StringBuilder();
        int taken = 0;
        for (int point : text.codePoints().toArray()) {
            int more = columns(point);
            if (taken + more > most - 1) {
                break;
            }
            cut.appendCodePoint(point);
            taken += more;
        }
        return cut.append('…').toString();
    }

    private static int columns(String text) {
        return text.codePoints().map(Table::columns).sum();
    }

    /** How many columns of a terminal a character takes: marks none, characters of East Asia and emoji two. */
    private static int columns(int point) {
        int type = Character.getType(point);
        if (type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK) {
            return 0;
        } else if (point >= 0x1100 && point <= 0x115F
                || point >= 0x2E80 && point <= 0xA4CF
                || point >= 0xAC00 && point <= 0xD7A3
                || point >= 0xF900 && point <= 0xFAFF
                || point >= 0xFE30 && point <= 0xFE6F
                || point >= 0xFF00 && point <= 0xFF60
                || point >= 0x1F300 && point <= 0x1FAFF
                || point >= 0x20000) {
            return 2;
        }
        return 1;
    }

    /** Makes a text harmless: what a terminal would obey, and what would not be seen, is shown by its number. */
    static String escaped(String text) {
        StringBuilder shown = new StringBuilder(text.length());
        text.codePoints().forEach(point -> {
            switch (point) {
                case '\n' -> shown.append("\\n");
                case '\r' -> shown.append("\\r");
                case '\t' -> shown.append("\\t");
                default -> {
                    if (isHarmless(point)) {
                        shown.appendCodePoint(point);
                    } else {
                        for (char unit : Character.toChars(point)) {
                            shown.append(String.format("\\u%04x", (int) unit));
                        }
                    }
                }
            }
        });
        return shown.toString();
    }

    private static boolean isHarmless(int point) {
        return switch (Character.getType(point)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            default -> true;
        };
    }
}
