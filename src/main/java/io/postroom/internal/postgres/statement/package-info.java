/**
 * The tools of every statement: {@link io.postroom.internal.postgres.statement.Sql} sends it, {@link
 * io.postroom.internal.postgres.statement.StoreTransactions} says in which transaction, {@link
 * io.postroom.internal.postgres.statement.Rows} converts times and bits, {@link io.postroom.internal.postgres.statement.UuidArrays} writes
 * {@code uuid[]}. Start with {@code Sql}.
 *
 * <p>This is the lowest package under {@code internal.postgres}, and it knows no statement. It is a package of its own because the stores,
 * the start check and the purge all send statements, and packages must not depend on each other in a circle.
 *
 * <h2>What looks wrong and is right</h2>
 *
 * <ul>
 *   <li><b>A transaction of one statement has no BEGIN</b> when the pool's auto-commit is on. The statement is its own transaction then, in
 *       one round trip instead of two.
 *   <li><b>The isolation level of a connection is asked once</b>, not per transaction: the question is a round trip. So all stores of a
 *       pool share one {@code StoreTransactions}.
 *   <li><b>{@code uuid[]} goes as text</b>, written by hand, because the driver has no binary form for it. {@code int8[]}, {@code int2[]},
 *       {@code text[]}, {@code bytea[]} and single UUIDs go in binary.
 * </ul>
 */
@NullMarked
package io.postroom.internal.postgres.statement;

import org.jspecify.annotations.NullMarked;
