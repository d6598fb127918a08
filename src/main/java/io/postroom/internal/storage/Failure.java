package io.postroom.internal.storage;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * What went wrong, fit to be stored: without NUL, control characters and lone surrogates, at most 8 KB. The failure path must not fail: an
 * exception whose getMessage throws has a text too.
 *
 * @param errorClass class of the exception; null when a handler said so itself
 * @param fingerprint groups alike errors: class and message with digits left out
 */
public record Failure(@Nullable String errorClass, String text, String fingerprint) {
    public static final int LONGEST_TEXT = 8 * 1024;
    static final Failure UNSTORABLE = new Failure(null, "the error's own text could not be stored", "unstorable");
    private static final int FRAMES = 20;

    /** From an exception: its text, those of its causes, and the top of the stack. */
    public static Failure of(Throwable error) {
        StringBuilder text = new StringBuilder();
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < 5; depth++) {
            text.append(depth == 0 ? "" : "\ncaused by ").append(describe(cause));
            cause = cause.getCause() == cause ? null : cause.getCause();
        }
        StackTraceElement[] frames = framesOf(error);
        for (int i = 0; i < Math.min(FRAMES, frames.length); i++) {
            text.append("\n  at ").append(frames[i]);
        }
        String errorClass = error.getClass().getName();
        return new Failure(cut(errorClass, 500), clean(text.toString()), fingerprint(errorClass, describe(error)));
    }

    /** From a handler's own words. */
    public static Failure of(String reason) {
        String text = clean(reason);
        return new Failure(null, text, fingerprint("", text));
    }

    private static String describe(Throwable error) {
        try {
            return String.valueOf(error);
        } catch (Throwable badToString) {
            return error.getClass().getName() + " (its text cannot be read)";
        }
    }

    private static StackTraceElement[] framesOf(Throwable error) {
        try {
            return error.getStackTrace();
        } catch (Throwable badStackTrace) {
            return new StackTraceElement[0];
        }
    }

    private static String clean(String text) {
        String cut =
                cut(text, LONGEST_TEXT / 2); // at most 3 bytes a char for all but pairs: fits 8 KB of mostly plain text
        StringBuilder clean = new StringBuilder(cut.length());
        for (int i = 0; i < cut.length(); i++) {
            char c = cut.charAt(i);
            if (Character.isHighSurrogate(c) && i + 1 < cut.length() && Character.isLowSurrogate(cut.charAt(i + 1))) {
                clean.append(c).append(cut.charAt(++i));
            } else if (c == '\n' || c == '\t' || c >= ' ' && !Character.isSurrogate(c) && !(c >= 0x7F && c < 0xA0)) {
                clean.append(c);
            } else {
                clean.append('\uFFFD');
            }
        }
        return clean.toString();
    }

    private static String cut(String text, int longest) {
        return text.length() <= longest ? text : text.substring(0, longest - 1) + "…";
    }

    private static String fingerprint(String errorClass, String text) {
        String firstLine = text.lines().findFirst().orElse("");
        String shape = errorClass + ":" + cut(firstLine, 300).replaceAll("[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\\d+", "#");
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(shape.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 6);
        } catch (NoSuchAlgorithmException missing) {
            throw new IllegalStateException("every Java platform has SHA-256", missing);
        }
    }
}
