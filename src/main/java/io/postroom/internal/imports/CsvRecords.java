package io.postroom.internal.imports;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Records of CSV by RFC 4180, strictly: a quote stands at both ends of a value and doubled within it, or nowhere. Lines may end with LF
 * alone. A record becomes an object of texts under the names of the first record.
 */
final class CsvRecords extends Records {
    private static final int MOST_COLUMNS = 1000;
    private static final String BROKEN_QUOTE = "a quote that neither begins nor ends a value";

    private final byte separator;
    private String[] keys = new String[0];
    private int fields;
    /** For each field where it begins and ends, without its quotes. */
    private int[] begins = new int[64];

    private int[] ends = new int[64];
    /** For each field: 0 without quotes, 1 in quotes, 2 in quotes with doubled ones in it. */
    private byte[] quoting = new byte[64];

    CsvRecords(FileChannel channel, long from, long end, long linesBefore, int largest, char separator) {
        super(channel, from, end, linesBefore, largest);
        this.separator = (byte) separator;
    }

    /** Sets the names, as {@link #names} found them. */
    CsvRecords under(List<String> names) {
        keys = names.stream().map(CsvRecords::key).toArray(String[]::new);
        return this;
    }

    private static String key(String name) {
        StringBuilder key = new StringBuilder();
        quote(name, key);
        return key.append(':').toString();
    }

    /**
     * Reads the current record as names of columns.
     *
     * @throws BadRecordException one is empty or stands there twice, or they are too many
     */
    List<String> names() throws BadRecordException {
        if (problem() != null) {
            throw new BadRecordException(String.valueOf(problem()));
        }
        if (fields > MOST_COLUMNS) {
            throw new BadRecordException("more than " + MOST_COLUMNS + " columns");
        }
        List<String> names = new ArrayList<>(fields);
        Set<String> known = new HashSet<>();
        for (int i = 0; i < fields; i++) {
            String name = value(i);
            if (name.isBlank()) {
                throw new BadRecordException("column " + (i + 1) + " has no name");
            }
            if (!known.add(name)) {
                throw new BadRecordException("two columns have the name \"" + name + "\"");
            }
            names.add(name);
        }
        return names;
    }

    @Override
    @Nullable
    String scan() throws IOException {
        fields = 0;
        int lines = 1;
        int i = from;
        while (true) { // once for each field
            int begin = i;
            if (isThere(i) && window.bytes[i] == '"') {
                boolean doubled = false;
                while (true) {
                    i++;
                    if (i - from > largest) {
                        return tooLong();
                    } else if (!isThere(i)) {
                        return "a quote that is never closed";
                    }
                    byte b = window.bytes[i];
                    if (b == '\n') {
                        lines++;
                    } else if (b == '"') {
                        if (!isThere(i + 1) || window.bytes[i + 1] != '"') {
                            break;
                        }
                        doubled = true;
                        i++;
                    }
                }
                addField(begin + 1, i, doubled ? 2 : 1);
                i++;
                if (isThere(i) && window.bytes[i] == '\r') {
                    i++; // must be followed by the line end, see below
                }
            } else {
                while (isThere(i) && window.bytes[i] != separator && window.bytes[i] != '\n') {
                    if (window.bytes[i] == '"') {
                        return BROKEN_QUOTE;
                    } else if (i - from >= largest) {
                        return tooLong();
                    }
                    i++;
                }
                addField(begin, i, 0);
            }
            if (!isThere(i) || window.bytes[i] == '\n') {
                endsAt(i, Math.min(i + 1, window.length), lines);
                return withoutLineEnd();
            } else if (window.bytes[i] != separator) {
                return BROKEN_QUOTE;
            }
            i++;
        }
    }

    private void addField(int begin, int end, int how) {
        if (fields == begins.length) {
            begins = Arrays.copyOf(begins, 2 * fields);
            ends = Arrays.copyOf(ends, 2 * fields);
            quoting = Arrays.copyOf(quoting, 2 * fields);
        }
        begins[fields] = begin;
        ends[fields] = end;
        quoting[fields] = (byte) how;
        fields++;
    }

    /** Takes the carriage return of CR LF from the last value. */
    private @Nullable String withoutLineEnd() {
        int last = fields - 1;
        if (quoting[last] == 0 && ends[last] > begins[last] && window.bytes[ends[last] - 1] == '\r') {
            ends[last]--;
        }
        return null;
    }

    @Override
    boolean isEmpty() {
        return fields == 1 && quoting[0] == 0 && begins[0] == ends[0];
    }

    private String value(int field) throws BadRecordException {
        String text = decoded(begins[field], ends[field]);
        return quoting[field] == 2 ? text.replace("\"\"", "\"") : text;
    }

    @Override
    String json() throws BadRecordException {
        if (fields != keys.length) {
            throw new BadRecordException(fields + " values under " + keys.length + " names");
        }
        StringBuilder json = new StringBuilder(2 * (to - from) + 16 * fields);
        for (int i = 0; i < fields; i++) {
            json.append(i == 0 ? '{' : ',').append(keys[i]);
            if (quoting[i] == 0 && begins[i] == ends[i]) {
                json.append("null");
            } else {
                quote(value(i), json);
            }
        }
        return json.append('}').toString();
    }

    private static void quote(String text, StringBuilder json) {
        json.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append("\\u00").append(Character.forDigit(c >> 4, 16)).append(Character.forDigit(c & 15, 16));
            } else {
                json.append(c);
            }
        }
        json.append('"');
    }
}
