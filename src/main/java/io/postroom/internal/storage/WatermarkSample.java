package io.postroom.internal.storage;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A point in the order of READY that becomes safe once all who may have drawn up to it are gone.
 *
 * @param seq the last one drawn
 * @param transactionId judged by transaction ids, or null when judged by {@code writers}
 */
public record WatermarkSample(
        long seq, @Nullable String transactionId, @Nullable List<String> writers, Instant serverStartedAt) {}
