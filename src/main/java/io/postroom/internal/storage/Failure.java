package io.postroom.internal.storage;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * What went wrong, fit to be stored: without NUL, control characters and lone surrogates, and of about 8 KB at most. The failure path must
 * not fail: an exception whose {@code getMessage} throws gets a text, too.
 *
 * @param errorClass class of the exception; null when a handler answered the reason itself
 * @param text what people read
 * @param fingerprint 12 hexadecimal digits, the same for errors that differ in numbers and UUIDs only
 */
public record Failure(@Nullable String errorClass, String text, String fingerprint) {
    /** Bytes, for a text that is mostly ASCII. */
    public static final int LONGEST_TEXT = 8 * 1024;

    static final Failure UNSTORABLE = new Failure(null, "the error's own text could not be stored", "unstorable");
    private static final int FRAMES = 20;
    private static final int MOST_CAUSES = 50;

    /**
     * Describes an exception: its text, those of up to four causes, and the top 20 frames of the stack. Never throws, whatever methods the
     * exception overrides.
     */
    public static Failure of(Throwable error) {
        StringBuilder text = new StringBuilder();
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < 5; depth++) {
            text.append(depth == 0 ? "" : "\ncaused by ").append(textOf(cause));
            Throwable next = causeOf(cause);
            cause = next == cause ? null : next;
        }
        StackTraceElement[] frames = framesOf(error);
        for (int i = 0; i < Math.min(FRAMES, frames.length); i++) {
            text.append("\n  at ").append(frames[i]);
        }
        String errorClass = error.getClass().getName();
        return new Failure(cut(errorClass, 500), clean(text.toString()), fingerprint(errorClass, textOf(error)));
    }

    /** Answers the same failure with words before its text that say when it happened. */
    public Failure during(String what) {
        return new Failure(errorClass, what + ": " + text, fingerprint);
    }

    /** Describes a reason that a handler answered. */
    public static Failure of(String reason) {
        String text = clean(reason);
        return new Failure(null, text, fingerprint("", text));
    }

    /**
     * The exception as a logger can print it. Logback throws on an exception without a stack trace, as mocks are, and a logger that throws
     * must not decide what becomes of a message.
     *
     * @return the exception itself, or one with its text in place of it
     */
    public static Throwable loggable(Throwable error) {
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < MOST_CAUSES; depth++) {
            try {
                if (cause.toString() == null || cause.getStackTrace() == null || cause.getSuppressed() == null) {
                    return new Undescribed(textOf(error));
                }
                cause.getLocalizedMessage();
                cause = cause.getCause();
            } catch (Throwable unreadable) {
                return new Undescribed(textOf(error));
            }
        }
        return error;
    }

    /** Stands in the log for an exception that cannot be printed. */
    private static final class Undescribed extends RuntimeException {
        Undescribed(String text) {
            super(text, null, false, false);
        }
    }

    /** The exception's class and message, or what can be said of them. Never throws. */
    public static String textOf(Throwable error) {
        try {
            String text = error.toString();
            return text == null ? error.getClass().getName() : text;
        } catch (Throwable badToString) {
            return error.getClass().getName() + " (its text cannot be read)";
        }
    }

    private static @Nullable Throwable causeOf(Throwable error) {
        try {
            return error.getCause();
        } catch (Throwable badCause) {
            return null;
        }
    }

    private static StackTraceElement[] framesOf(Throwable error) {
        try {
            StackTraceElement[] frames = error.getStackTrace();
            return frames == null ? new StackTraceElement[0] : frames;
        } catch (Throwable badStackTrace) {
            return new StackTraceElement[0];
        }
    }

    /** Answers the text fit to be stored: cut at about 4,000 characters, with a replacement character for each that is refused. */
    static String clean(String text) {
        String cut = cut(text, LONGEST_TEXT / 2); // a char takes 1 byte in ASCII and 3 at most
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
