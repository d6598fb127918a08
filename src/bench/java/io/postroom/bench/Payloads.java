package io.postroom.bench;

import java.util.Random;

/** JSON of a given size. What fills it up does not compress, as real content hardly does. */
final class Payloads {
    static final int USUAL = 200;
    private static final String HEAD =
            "{\"order\":\"A-100200300\",\"customer\":\"ann@example.org\",\"amount\":\"129.90\",\"text\":\"";
    private static final String LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    private static final String STAMP = "\"t\":";

    private Payloads() {}

    static String ofSize(int bytes) {
        Random random = new Random(bytes);
        StringBuilder json = new StringBuilder(HEAD);
        while (json.length() < bytes - 2) {
            json.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        return json.append("\"}").toString();
    }

    static String usual() {
        return ofSize(USUAL);
    }

    /** The same with an instant of {@link System#nanoTime} in it, which processes of one Linux machine share. */
    static String stamped(String payload, long nanos) {
        return "{" + STAMP + nanos + "," + payload.substring(1);
    }

    /** Also after a database has spaced and sorted the JSON. */
    static long stamp(String payload) {
        int at = payload.indexOf(STAMP) + STAMP.length();
        while (payload.charAt(at) == ' ') {
            at++;
        }
        int end = at;
        while (Character.isDigit(payload.charAt(end))) {
            end++;
        }
        return Long.parseLong(payload, at, end, 10);
    }
}
