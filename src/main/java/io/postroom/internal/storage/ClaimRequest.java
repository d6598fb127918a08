package io.postroom.internal.storage;

/**
 * What a consumer asks for with one claim.
 *
 * @param queue the queue's name: nothing is claimed when its number belongs to another queue by now
 * @param priorities the lanes to take from, in this order
 * @param cursors the number to begin at in each lane, in the same order
 * @param limit most messages
 * @param leaseSize most messages under one lease
 * @param started how many of them, in the order of the answer, count as started from the claim on. The others have to be announced by
 *     {@link LeaseStore#announceStarts} before they start
 */
public record ClaimRequest(
        int workerId,
        int queueId,
        String queue,
        short[] priorities,
        long[] cursors,
        int limit,
        int leaseSize,
        int started,
        ClaimKind kind) {}
