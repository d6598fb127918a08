package io.postroom.console;

import io.postroom.internal.access.Sha256;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;

/** Random texts and their digests. Thread-safe. */
final class Secrets {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int BYTES = 32;

    private Secrets() {}

    /** A text that nobody guesses: 256 bits, 43 characters that need no escape anywhere. */
    static String random() {
        byte[] bytes = new byte[BYTES];
        RANDOM.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** The digest as a text. */
    static String hash(String text) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(Sha256.of(text));
    }

    /** Compares in a time that depends on neither text. */
    static boolean isSame(String one, String other) {
        return MessageDigest.isEqual(Sha256.of(one), Sha256.of(other));
    }
}
