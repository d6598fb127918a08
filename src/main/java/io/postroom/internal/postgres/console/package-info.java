/**
 * What the console reads beside the public API: lists and counts that cost the same at a thousand and at ten million messages.
 *
 * <p>Start with {@link io.postroom.internal.postgres.console.ConsoleReads}; the statements are in the {@code *Sql} classes. They run on a
 * pool of their own, {@link io.postroom.internal.postgres.connection.ReadingPool}, in read-only transactions that the server ends after two
 * seconds. So people who look at pages take no connection from the engine, and a bad plan costs a page, not the database.
 *
 * <p>Each statement is bounded in one of three ways. A count stops at a stated number. A list goes on behind the last row of the page
 * before, and relies on an index for that. A list with a filter that no index has looks at a stated number of rows, and the next page goes
 * on from there; such a page may be short or empty although more follows.
 *
 * <p>The database's clock is the only one here.
 */
@NullMarked
package io.postroom.internal.postgres.console;

import org.jspecify.annotations.NullMarked;
