package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import java.util.Set;

/**
 * What the entries may do in this process, whoever writes them.
 *
 * @param allowedHosts empty: any
 * @param privateAddresses whether an entry may allow them
 */
record HttpLimits(Set<String> allowedHosts, boolean privateAddresses) {
    /** @throws InvalidMessageException the entry wants more */
    HttpEntry require(HttpEntry entry) {
        if (!entry.endpoint().isAmong(allowedHosts)) {
            throw new InvalidMessageException(
                    "endpoint",
                    "at a host that this process may call",
                    entry.endpoint().host(),
                    "See postroom.http.allowed-hosts");
        } else if (entry.allowPrivate() && !privateAddresses) {
            throw new InvalidMessageException(
                    "properties.allowPrivate", "false in this process", "true", "See postroom.http.private-addresses");
        }
        return entry;
    }
}
