package io.postroom.internal.storage;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A number in the order of READY that becomes settled: once every transaction that may have drawn a number up to it has ended, no row can
 * appear below it.
 *
 * @param seq the last number drawn when the sample was taken
 * @param transactionId the transaction id whose predecessors must have ended; null when {@code writers} decide
 * @param writers the transactions that were writing READY and must have ended; null when {@code transactionId} decides
 * @param serverStartedAt when the server was started: numbers and transaction ids mean nothing on another one
 */
public record WatermarkSample(
        long seq, @Nullable String transactionId, @Nullable List<String> writers, Instant serverStartedAt) {}
