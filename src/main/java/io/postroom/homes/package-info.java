/**
 * Several databases, for users who have outgrown one. Each is a home: it holds one whole, unchanged schema {@code postroom}, and each
 * queue, or each part of a queue, lives on one home. Written rules say which.
 *
 * <p>Start with {@link io.postroom.homes.PostroomHomes}: it starts one ordinary engine for each home. An engine is the same with one
 * database and with several. {@link io.postroom.homes.HomeRules} says where a queue lives. {@code HomesQueueMessages} sends each call to
 * its home, or asks all of them. {@code Home} is one database with its engine, and {@code HomeCheck} compares what the homes have stored
 * with what this process was given.
 *
 * <p>Decisions, with their reasons:
 *
 * <ul>
 *   <li>Distributing the rows of Postroom's tables was tried with Citus 13. It took twice the CPU for a message and a rewrite of each
 *       statement. A home costs nothing more than a database alone.
 *   <li>A transaction is one of one database. So a message joins the caller's transaction where that is one of its queue's home, and is
 *       refused elsewhere. Postroom writes nothing on two homes at once; nodes of a Citus cluster can, see
 *       docs/citus.md.
 *   <li>A part is a queue of its own, {@code orders:1of8} to {@code orders:8of8}, and not a slice of rows. So it has its own pause, counts
 *       and order, and can be moved alone. Names of queues cannot have a {@code #}.
 *   <li>The part comes from SHA-256, not from {@code hashtext}, which may change with a version of PostgreSQL.
 * </ul>
 *
 * <p>The package names {@code PostgresHome} itself: what a database has stored is read before an engine runs there.
 *
 * <p>No clock decides here but that of the machine for waits: how long a home may take for an answer, and when it is tried again.
 */
@NullMarked
package io.postroom.homes;

import org.jspecify.annotations.NullMarked;
