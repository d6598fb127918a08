package io.postroom.internal.storage;

import java.util.BitSet;

/**
 * What became of the part of a lease that was to be completed.
 *
 * @param completed ordinals that were still held and are written now; the others were lost
 */
public record LeasePart(long leaseId, BitSet completed) {}
