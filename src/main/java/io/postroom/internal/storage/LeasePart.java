package io.postroom.internal.storage;

import java.util.BitSet;

/**
 * What became of the messages of one lease that were to be completed.
 *
 * @param completed ordinals of the messages that the lease still held and that are written now; the others were lost
 */
public record LeasePart(long leaseId, BitSet completed) {}
