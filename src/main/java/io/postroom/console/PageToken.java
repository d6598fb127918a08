package io.postroom.console;

import io.postroom.api.InvalidMessageException;
import io.postroom.internal.access.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Says where a page of a list begins. A token carries a digest of its list's filter, so that one of another list is refused instead of
 * leaving rows out.
 */
final class PageToken {
    private static final int DIGEST_BYTES = 6;
    private static final int LONGEST = 1_000;

    private PageToken() {}

    /** @param filter all that chooses the rows of the list */
    static String write(String key, String... filter) {
        byte[] digest = digest(filter);
        byte[] text = key.getBytes(StandardCharsets.UTF_8);
        byte[] all = Arrays.copyOf(digest, DIGEST_BYTES + text.length);
        System.arraycopy(text, 0, all, DIGEST_BYTES, text.length);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(all);
    }

    /**
     * Reads a token; null for none.
     *
     * @throws InvalidMessageException it is no token, or that of another filter
     */
    static @Nullable String read(@Nullable String token, String... filter) {
        if (token == null || token.isEmpty()) {
            return null;
        }
        try {
            byte[] all = token.length() > LONGEST
                    ? new byte[0]
                    : Base64.getUrlDecoder().decode(token);
            if (all.length > DIGEST_BYTES && Arrays.equals(Arrays.copyOf(all, DIGEST_BYTES), digest(filter))) {
                return new String(all, DIGEST_BYTES, all.length - DIGEST_BYTES, StandardCharsets.UTF_8);
            }
        } catch (IllegalArgumentException noBase64) {
            // refused below
        }
        throw invalid(token);
    }

    /**
     * Reads a token whose key is an id; empty for none. Whoever knows how tokens are made can make one with any key.
     *
     * @throws InvalidMessageException it is no token, that of another filter, or has no id
     */
    static Optional<UUID> readId(@Nullable String token, String... filter) {
        String key = read(token, filter);
        try {
            return Optional.ofNullable(key).map(UUID::fromString);
        } catch (IllegalArgumentException noId) {
            throw invalid(String.valueOf(token));
        }
    }

    private static InvalidMessageException invalid(String token) {
        return new InvalidMessageException("page", "one that a link of the same list has", token);
    }

    private static byte[] digest(String... filter) {
        return Arrays.copyOf(Sha256.of(String.join("\0", filter)), DIGEST_BYTES);
    }
}
