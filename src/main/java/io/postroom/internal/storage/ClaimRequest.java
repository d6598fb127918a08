package io.postroom.internal.storage;

/**
 * What a consumer wants.
 *
 * @param priorities the lanes in the order to take from
 * @param cursors where to begin in each, same order
 * @param limit most messages
 * @param leaseSize most messages under one lease
 * @param suspects take one message whose worker died while holding it, instead of those that never met that
 */
public record ClaimRequest(
        int workerId, int queueId, short[] priorities, long[] cursors, int limit, int leaseSize, boolean suspects) {}
