package io.postroom.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Describes a token that is to be made. Immutable. Its limits are checked by {@link AccessTokens#create}.
 *
 * @param name 1 to 100 of {@code A-Z a-z 0-9 . _ : -}, first a letter or digit; goes on record with what is done by the token, and is never
 *     used again
 * @param role what its holder may do
 * @param queues of a producer 1 to 100 names or patterns of queues, of others none; {@code *} stands for one word between dots, {@code #}
 *     for any number of words
 * @param expiresAt until when it is good, at most 3650 days ahead, both by the database's clock; empty: until it is revoked
 */
public record NewAccessToken(String name, AccessRole role, List<String> queues, Optional<Instant> expiresAt) {
    public NewAccessToken {
        queues = List.copyOf(queues);
    }

    /** A token whose holder reads. */
    public static NewAccessToken reader(String name) {
        return new NewAccessToken(name, AccessRole.READER, List.of(), Optional.empty());
    }

    /** A token whose holder does all. */
    public static NewAccessToken operator(String name) {
        return new NewAccessToken(name, AccessRole.OPERATOR, List.of(), Optional.empty());
    }

    /** A token whose holder creates messages in queues that match one of these patterns. */
    public static NewAccessToken producer(String name, String... queues) {
        return new NewAccessToken(name, AccessRole.PRODUCER, List.of(queues), Optional.empty());
    }

    /** The same token with an end. */
    public NewAccessToken until(Instant end) {
        return new NewAccessToken(name, role, queues, Optional.of(end));
    }
}
