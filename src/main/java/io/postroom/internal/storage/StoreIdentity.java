package io.postroom.internal.storage;

import java.time.Instant;

/**
 * Tells one state of the store from another: where two of these differ, numbers of READY may have gone back, and claims may be lost.
 *
 * @param serverStartedAt when the server was started: differs after a failover and a restart
 * @param readyFile the file number of READY: differs after a restore and a TRUNCATE
 */
public record StoreIdentity(Instant serverStartedAt, long readyFile) {}
