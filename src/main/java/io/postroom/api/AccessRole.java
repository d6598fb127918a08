package io.postroom.api;

import java.util.Locale;

/** What the holder of an access token may do. */
public enum AccessRole {
    /** Sees what there is, and changes nothing. */
    READER,
    /** Does all. */
    OPERATOR,
    /** Creates messages in queues whose names match, and reads nothing but the answers to that. */
    PRODUCER;

    /** Whether this role may do what another one may. */
    public boolean covers(AccessRole needed) {
        return this == OPERATOR || this == needed;
    }

    /** The role in lower case, as SQL, JSON and the command line have it. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws InvalidMessageException there is no such role */
    public static AccessRole of(String word) {
        for (AccessRole role : values()) {
            if (role.word().equals(word)) {
                return role;
            }
        }
        throw new InvalidMessageException("role", "reader, operator or producer", word);
    }
}
