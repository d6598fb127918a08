package io.postroom.internal.imports;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Reads a file record by record, each with its place. Memory is bounded by the largest line, whatever the file holds. One thread may use
 * it.
 *
 * <p>A record that cannot be read is the one line where it begins, and reading goes on at the line after that. So a quote that is never
 * closed costs one line and not the rest of the file.
 */
abstract class Records {
    /** How much of a bad line is kept, in bytes. */
    static final int EXCERPT = 4_000;

    final Window window;
    final int largest;
    /** Where the current record begins, and where its text ends, in the window. */
    int from;

    int to;
    private int next;
    private long nextLine;
    private long line;
    private @Nullable String problem;
    private String excerpt = "";

    Records(FileChannel channel, long from, long end, long linesBefore, int largest) {
        this.window = new Window(channel, from, end);
        this.largest = largest;
        this.nextLine = linesBefore + 1;
    }

    /**
     * Moves to the next record.
     *
     * @return false: the file is at its end
     */
    final boolean next() throws IOException {
        next = window.forgetBefore(next);
        from = next;
        line = nextLine;
        problem = null;
        if (from == window.length && !window.more()) {
            return false;
        }
        String broken = scan();
        if (broken != null) {
            toTheNextLine(broken);
        }
        return true;
    }

    /**
     * Finds the end of the record that begins at {@link #from}, and calls {@link #endsAt}.
     *
     * @return null, or what is wrong with the record
     */
    abstract @Nullable String scan() throws IOException;

    /** @param lines how many lines the record has */
    final void endsAt(int end, int behind, int lines) {
        to = end > from && window.bytes[end - 1] == '\r' ? end - 1 : end;
        next = behind;
        nextLine = line + lines;
    }

    /** Whether there is a byte at this index, after reading on where needed. */
    final boolean isThere(int index) throws IOException {
        while (index >= window.length) {
            if (!window.more()) {
                return false;
            }
        }
        return true;
    }

    final String tooLong() {
        return "longer than " + largest + " bytes";
    }

    private void toTheNextLine(String broken) throws IOException {
        problem = broken;
        int at = from;
        int kept = -1; // where the text that is shown ends
        while (true) {
            if (!isThere(at)) {
                next = at;
                break;
            }
            if (window.bytes[at] == '\n') {
                next = at + 1;
                break;
            }
            at++;
            if (at - from == EXCERPT) {
                kept = at;
                excerpt = text(from, at);
            } else if (kept >= 0 && at - from > largest) {
                // What is behind is not needed: a line of a gigabyte passes through a window of the size of a line.
                long place = window.placeOf(at);
                window.moveTo(place);
                at = 0;
                from = 0;
                kept = 0;
                next = skip();
                break;
            }
        }
        if (kept < 0) {
            excerpt = text(from, at);
        }
        nextLine = line + 1;
        to = from;
    }

    /** Reads on to the byte behind the next line end, and keeps nothing of it. */
    private int skip() throws IOException {
        while (true) {
            if (window.length == 0 && !window.more()) {
                return 0;
            }
            for (int i = 0; i < window.length; i++) {
                if (window.bytes[i] == '\n') {
                    return i + 1;
                }
            }
            window.moveTo(window.placeOf(window.length));
        }
    }

    private String text(int start, int end) {
        return new String(window.bytes, start, end - start, StandardCharsets.UTF_8);
    }

    /** The number of the line where the record begins, from 1. */
    final long line() {
        return line;
    }

    /** How many lines are read, those of this record included. */
    final long linesRead() {
        return nextLine - 1;
    }

    /** Where the next record begins in the file. */
    final long place() {
        return window.placeOf(next);
    }

    /** The size of the record in the file. */
    final int size() {
        return next - from;
    }

    /** What is wrong with it; null: nothing. */
    final @Nullable String problem() {
        return problem;
    }

    /** The beginning of a record that has a problem, or was found bad later. */
    final String excerpt() {
        return problem != null ? excerpt : text(from, Math.min(to, from + EXCERPT));
    }

    abstract boolean isEmpty();

    /**
     * The record as JSON.
     *
     * @throws BadRecordException it is not UTF-8, or breaks a rule of its format
     */
    abstract String json() throws BadRecordException;

    /** Decodes a part of the window. */
    final String decoded(int start, int end) throws BadRecordException {
        return utf8(window.bytes, start, end - start);
    }

    /** Decodes strictly: a byte that is not UTF-8 must not become another text. */
    static String utf8(byte[] bytes, int start, int length) throws BadRecordException {
        String text = new String(bytes, start, length, StandardCharsets.UTF_8);
        if (text.indexOf('\uFFFD') >= 0) {
            try {
                StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, start, length));
            } catch (CharacterCodingException malformed) {
                throw new BadRecordException("not UTF-8");
            }
        }
        return text;
    }

    /** Says what is wrong with a record. */
    static final class BadRecordException extends Exception {
        private static final long serialVersionUID = 1;

        BadRecordException(String message) {
            super(message);
        }
    }
}
