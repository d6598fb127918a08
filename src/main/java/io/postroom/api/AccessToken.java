package io.postroom.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A token as it is known: the token itself is kept nowhere.
 *
 * @param name goes on record with what is done by the token
 * @param role what its holder may do
 * @param queues patterns of the queues of a producer; of others empty
 * @param state whether it can be used, as of the database's clock
 * @param createdAt when it was made, by the database's clock
 * @param createdBy who made it
 * @param expiresAt empty: it has no end
 * @param lastUsedAt exact to about a minute; empty: never
 * @param revokedAt empty: it was not revoked
 * @param revokedBy who revoked it
 */
public record AccessToken(
        String name,
        AccessRole role,
        List<String> queues,
        State state,
        Instant createdAt,
        String createdBy,
        Optional<Instant> expiresAt,
        Optional<Instant> lastUsedAt,
        Optional<Instant> revokedAt,
        Optional<String> revokedBy) {
    /** Whether a token can be used. */
    public enum State {
        IN_USE,
        EXPIRED,
        REVOKED
    }

    public AccessToken {
        queues = List.copyOf(queues);
    }
}
