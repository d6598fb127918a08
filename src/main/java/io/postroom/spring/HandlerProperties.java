package io.postroom.spring;

import io.postroom.handler.HandlerMode;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of one handler in this process, under {@code postroom.handlers.<id>}. A property that is set wins over the annotation.
 *
 * @param enabled Whether this process runs the handler.
 * @param concurrency Messages handled at a time by this process, 1 to 1000.
 * @param attempts Most attempts, the first included, 1 to 1000.
 * @param retryAfter Waits between attempts, or the name of a RetryPolicy bean.
 * @param timeLimit Longest run of an attempt, 1 ms to 24 h.
 * @param batch Most messages given to one call, 1 to 1000.
 * @param mode Whether the handler's writes commit with its completion.
 * @param settings Name of the entry of the external system that the handler talks to.
 */
record HandlerProperties(
        @Nullable Boolean enabled,
        @Nullable Integer concurrency,
        @Nullable Integer attempts,
        @Nullable List<String> retryAfter,
        @Nullable Duration timeLimit,
        @Nullable Integer batch,
        @Nullable HandlerMode mode,
        @Nullable String settings) {
    static final HandlerProperties NONE = new HandlerProperties(null, null, null, null, null, null, null, null);

    boolean isDisabled() {
        return Boolean.FALSE.equals(enabled);
    }
}
