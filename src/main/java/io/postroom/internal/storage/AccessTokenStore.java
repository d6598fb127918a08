package io.postroom.internal.storage;

import io.postroom.api.AccessRole;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a process asks that lets requests in by tokens. */
public interface AccessTokenStore {
    /**
     * The version of all tokens. It is raised in the transaction of each change; below zero: it is lost, and tells of no change. After a
     * failover or a restore it may come again with other tokens.
     */
    long version();

    /**
     * Reads the tokens that can be used now. Of two calls, the version comes first: see db/function/access_token.sql. A row that cannot be
     * read is left out.
     */
    List<Known> inUse();

    /**
     * Notes when tokens were used last. Rows that others hold are left out.
     *
     * @param ago how long ago, by name
     */
    void noteUse(Map<String, Duration> ago);

    /**
     * A token that can be used.
     *
     * @param hash SHA-256 of the token
     * @param left time until its end, as of the database's clock; empty: it has none
     */
    record Known(String name, byte[] hash, AccessRole role, List<String> queues, Optional<Duration> left) {}
}
