package io.postroom.api;

import java.util.List;

/**
 * What became of a definitions file.
 *
 * @param dryRun whether nothing was declared
 * @param lines in the order of the file; a definition may have several
 */
public record ImportReport(boolean dryRun, List<Line> lines) {
    /** What became of one definition. */
    public enum Result {
        /** It is here now, and means the same. */
        TAKEN_OVER,
        /** It is here now, and something about it is different. */
        DIFFERS,
        /** It is not here. */
        REFUSED
    }

    /**
     * One line.
     *
     * @param definition kind and name, as in {@code queue orders.paid}
     * @param text how it differs, or why it was refused; empty for what was taken over
     */
    public record Line(Result result, String definition, String text) {
        @Override
        public String toString() {
            return result + " " + definition + (text.isEmpty() ? "" : ": " + text);
        }
    }

    /** The lines with this result. */
    public List<Line> lines(Result result) {
        return lines.stream().filter(line -> line.result() == result).toList();
    }
}
