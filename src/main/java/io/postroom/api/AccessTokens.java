package io.postroom.api;

import java.util.List;

/**
 * Makes, lists and revokes tokens for the HTTP API and the console of the server. Each change is a line of the ledger. Servers follow
 * within about a second. A host with the HTTP API takes none of them: its own security decides who may use it. Each call is a transaction
 * of its own. Thread-safe. Failures of the database are {@link StoreException}s.
 */
public interface AccessTokens {
    /** Most tokens that one call of {@link #list} answers. */
    int LONGEST_LIST = 1_000;

    /**
     * Makes a token and answers it, this once: it is kept as a hash alone.
     *
     * @throws InvalidMessageException a value breaks a limit, the name was used before, or 10,000 tokens are in use
     */
    String create(NewAccessToken token);

    /** The same as {@link #create(NewAccessToken)}, with a reason and an actor for the record. */
    String create(NewAccessToken token, Reason reason);

    /**
     * Lists tokens by name, those that expired or were revoked included.
     *
     * @param after the last name of the page before; empty: from the first
     * @param limit 1 to {@link #LONGEST_LIST}; as many mean that there may be more
     * @throws InvalidMessageException the limit is outside its limits
     */
    List<AccessToken> list(String after, int limit);

    /**
     * Revokes a token. Its sessions of the console end, too.
     *
     * @return false: it was revoked before
     * @throws InvalidMessageException there is no token of this name
     */
    boolean revoke(String name);

    /** The same as {@link #revoke(String)}, with a reason and an actor for the record. */
    boolean revoke(String name, Reason reason);
}
