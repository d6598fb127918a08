/**
 * The port: what the engine asks of a store, in the order of a message's life. {@link io.postroom.internal.storage.MessageStore} lists the verbs. No SQL
 * here; {@code java.sql.Connection} is only passed through, as the handle of a transaction that belongs to somebody else.
 *
 * <p>The store's clock decides: due times, leases and beats are judged by the database, and durations, not instants, are given to it.
 */
@NullMarked
package io.postroom.internal.storage;

import org.jspecify.annotations.NullMarked;
