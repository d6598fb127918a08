package io.postroom.internal.postgres.statement;

import java.util.UUID;

/** Writes {@code uuid[]} as text into one buffer. The driver's own way makes an object and two strings per element. */
public final class UuidArrays {
    private static final int LENGTH = 36;
    private static final byte[] HEX = "0123456789abcdef".getBytes(java.nio.charset.StandardCharsets.US_ASCII);

    private UuidArrays() {}

    /** Writes an array literal of PostgreSQL, {@code {a,b}}. */
    @SuppressWarnings("deprecation") // the constructor that takes each byte for a character: all of these are ASCII
    public static String text(UUID[] ids) {
        if (ids.length == 0) {
            return "{}";
        }
        byte[] text = new byte[1 + ids.length * (LENGTH + 1)];
        int at = 0;
        for (UUID id : ids) {
            text[at] = (byte) (at == 0 ? '{' : ',');
            write(id, text, at + 1);
            at += LENGTH + 1;
        }
        text[at] = '}';
        return new String(text, 0);
    }

    private static void write(UUID id, byte[] text, int from) {
        int at = from;
        long bits = id.getMostSignificantBits();
        for (int digit = 0; digit < 32; digit++) {
            if (digit == 16) {
                bits = id.getLeastSignificantBits();
            }
            if (digit == 8 || digit == 12 || digit == 16 || digit == 20) {
                text[at++] = '-';
            }
            text[at++] = HEX[(int) (bits >>> 60)];
            bits <<= 4;
        }
    }
}
