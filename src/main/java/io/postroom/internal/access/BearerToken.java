package io.postroom.internal.access;

import org.jspecify.annotations.Nullable;

/** The token that a program sends in the header {@code Authorization}. */
public final class BearerToken {
    /** Fewest characters of a token that a person chooses. */
    public static final int SHORTEST = 16;

    private static final String SCHEME = "Bearer ";

    private BearerToken() {}

    /**
     * Reads the token from the header.
     *
     * @param authorization value of the header; null: the request has none
     * @return null: no token is sent
     */
    public static @Nullable String in(@Nullable String authorization) {
        return authorization != null && authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
                ? authorization.substring(SCHEME.length()).strip()
                : null;
    }
}
