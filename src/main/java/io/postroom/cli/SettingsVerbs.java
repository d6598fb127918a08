package io.postroom.cli;

import io.postroom.api.Reason;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** What commands ask about the entries of external systems and about limiters. A part of {@link Backend}, with the same rules. */
interface SettingsVerbs {
    JsonNode list();

    /**
     * Makes or replaces an entry.
     *
     * @param entry as {@code PUT /api/v1/settings/{name}} takes it
     * @param expectedVersion that it has now; 0: there is none
     */
    JsonNode set(String name, String entry, long expectedVersion, Optional<Reason> reason);

    JsonNode delete(String name, Optional<Reason> reason);

    /** Tests an entry in the process that is asked, which finds the secret. */
    JsonNode test(String name);

    /** @param limits as {@code PUT /api/v1/limiters/queues/{queue}} takes them */
    JsonNode setLimiter(Limited of, String limits, Optional<Reason> reason);

    JsonNode removeLimiter(Limited of, Optional<Reason> reason);

    /**
     * What is limited.
     *
     * @param isDestination false: it is a queue
     */
    record Limited(boolean isDestination, String name) {}
}
