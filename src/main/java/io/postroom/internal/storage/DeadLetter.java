package io.postroom.internal.storage;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message that was given up, with what the log says about it.
 *
 * @param type as {@link #type} writes it
 * @param attempts failed attempts
 * @param reason as in {@code dead_letter.reason}
 * @param error what people read
 * @param fingerprint the same for errors that are alike
 */
public record DeadLetter(
        UUID messageId, String queue, String type, int attempts, String reason, String error, String fingerprint) {
    /** Writes a type and its version for people: {@code ticket/2}, or {@code no type}. */
    public static String type(@Nullable String name, int version) {
        return name == null ? "no type" : name + "/" + version;
    }
}
