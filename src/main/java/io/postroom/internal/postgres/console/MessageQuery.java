package io.postroom.internal.postgres.console;

import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * Which messages a list shows.
 *
 * @param place where they stand
 * @param queue their queue; needed with {@link Place#READY} and {@link Place#GROUPED}
 * @param type compared exactly
 * @param correlationId compared exactly; only with {@link Place#ANY}
 * @param headers all of these, names and values compared exactly
 * @param fingerprint of their error; only with {@link Place#DEAD}
 * @param reason why they died, as the registry has it; only with {@link Place#DEAD}
 */
public record MessageQuery(
        Place place,
        Optional<String> queue,
        Optional<String> type,
        Optional<String> correlationId,
        Map<String, String> headers,
        Optional<String> fingerprint,
        Optional<String> reason) {
    /** The headers as a JSON object; null: none is asked for. */
    @Nullable
    String headersAsJson() {
        return headers.isEmpty() ? null : JsonMapper.shared().writeValueAsString(headers);
    }

    /** Whether what is looked for has a condition that no index has. */
    boolean isFiltered() {
        return queue.isPresent() || type.isPresent() || !headers.isEmpty() || reason.isPresent();
    }

    /** Whether the list goes by ids: a place in it is an id, and begins at a time. */
    public boolean goesByIds() {
        return switch (place) {
            case READY, GROUPED, IN_PROGRESS -> false;
            case DEAD -> queue.isEmpty() || type.isPresent() || !headers.isEmpty();
            default -> true;
        };
    }

    /** Where messages stand, and in which order they are listed. */
    public enum Place {
        /** Any; the newest first. */
        ANY,
        /** In the order in which they are claimed. */
        READY,
        /** READY behind others of their group, by group. */
        GROUPED,
        /** The newest first. */
        DELAYED,
        /** In the order in which they were claimed. */
        IN_PROGRESS,
        /** Of a queue: the last that died first; else the newest first. */
        DEAD,
        /** The newest first. */
        DONE,
        /** The newest first. */
        CANCELLED,
        /** The newest first. */
        EXPIRED
    }
}
