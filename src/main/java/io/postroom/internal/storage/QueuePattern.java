package io.postroom.internal.storage;

import io.postroom.api.Limits;
import java.util.Arrays;

/**
 * A pattern for names of queues. Names and patterns are words with dots between them. In a pattern, {@code *} stands for one word and
 * {@code #} for any number of words, also for none; any other word stands for itself. Immutable.
 */
public final class QueuePattern {
    private static final String ONE = "*";
    private static final String ANY = "#";
    /** Longer than any name. */
    private static final int NONE = 100_000;

    private final String text;
    private final String[] words;

    public QueuePattern(String text) {
        this.text = text;
        this.words = split(text);
    }

    /** Whether the pattern matches the name. Takes time in proportion to the number of words of both, multiplied. */
    public boolean matches(String name) {
        String[] named = split(name);
        int word = 0;
        int at = 0;
        int lastAny = -1;
        int afterAny = 0;
        while (at < named.length) {
            if (word < words.length && words[word].equals(ANY)) {
                lastAny = word++;
                afterAny = at;
            } else if (word < words.length && (words[word].equals(ONE) || words[word].equals(named[at]))) {
                word++;
                at++;
            } else if (lastAny >= 0) { // the last # takes one word more
                word = lastAny + 1;
                at = ++afterAny;
            } else {
                return false;
            }
        }
        while (word < words.length && words[word].equals(ANY)) {
            word++;
        }
        return word == words.length;
    }

    /** Whether a queue could have a name that both match. Decided exactly: by the shortest such name. */
    public boolean intersects(QueuePattern other) {
        int[][][] known = new int[words.length + 1][other.words.length + 1][2];
        for (int[][] row : known) {
            for (int[] cell : row) {
                Arrays.fill(cell, -1);
            }
        }
        return shortest(other, 0, 0, true, known) <= Limits.NAME_LENGTH;
    }

    /** The length of the shortest rest of a name that both match from these words on. */
    private int shortest(QueuePattern other, int mine, int others, boolean isFirst, int[][][] known) {
        int[] cell = known[mine][others];
        int index = isFirst ? 1 : 0;
        if (cell[index] < 0) {
            cell[index] = shortestOf(other, mine, others, isFirst, known);
        }
        return cell[index];
    }

    private int shortestOf(QueuePattern other, int mine, int others, boolean isFirst, int[][][] known) {
        boolean mineEnds = mine == words.length;
        boolean othersEnd = others == other.words.length;
        if (mineEnds && othersEnd) {
            return isFirst ? NONE : 0; // a name has a word at least
        }
        boolean mineAny = !mineEnds && words[mine].equals(ANY);
        boolean othersAny = !othersEnd && other.words[others].equals(ANY);
        int best = NONE;
        if (mineAny) {
            best = Math.min(best, shortest(other, mine + 1, others, isFirst, known));
        }
        if (othersAny) {
            best = Math.min(best, shortest(other, mine, others + 1, isFirst, known));
        }
        if (!mineEnds && !othersEnd && (isFirst || !mineAny || !othersAny)) {
            int length = commonWord(words[mine], other.words[others], isFirst);
            if (length < NONE) {
                int rest = shortest(other, mineAny ? mine : mine + 1, othersAny ? others : others + 1, false, known);
                best = Math.min(best, length + rest);
            }
        }
        return best;
    }

    /** The length of the shortest word that both words of patterns match, with the dot before it. */
    private static int commonWord(String one, String other, boolean isFirst) {
        boolean oneIsOpen = one.equals(ONE) || one.equals(ANY);
        boolean otherIsOpen = other.equals(ONE) || other.equals(ANY);
        if (oneIsOpen && otherIsOpen) {
            return 1; // a first word has a letter; a later one has a dot and may be empty
        }
        String word = oneIsOpen ? other : one;
        if (!oneIsOpen && !otherIsOpen && !one.equals(other) || isFirst && !Limits.isName(word)) {
            return NONE;
        }
        return isFirst ? word.length() : word.length() + 1;
    }

    private static String[] split(String text) {
        return text.split("\\.", -1);
    }

    @Override
    public String toString() {
        return text;
    }
}
