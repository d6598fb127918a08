package io.postroom.internal.storage;

import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;

/**
 * What became of the messages of one lease that were to be completed.
 *
 * @param completed ordinals of the messages that the lease still held and that are written now; the others were lost
 */
public record LeasePart(long leaseId, BitSet completed) {
    /** Returns what tells of an end whether it is written; false: its lease was lost. */
    public static Predicate<Completion> written(Collection<LeasePart> parts) {
        Map<Long, BitSet> completed = new HashMap<>();
        parts.forEach(part -> completed.put(part.leaseId(), part.completed()));
        return end -> {
            ClaimedMessage.Lease lease = end.message().lease();
            BitSet ordinals = completed.get(lease.id());
            return ordinals != null && ordinals.get(lease.ordinal());
        };
    }
}
