/**
 * The end of a message's way: past days of messages and history are freed, and partitions for days ahead are made. The jobs {@code
 * RemoveQueueMessages} and {@code MaintainPartitions} call {@link io.postroom.internal.postgres.purge.PostgresMaintenance}; start there.
 * The work itself is in functions of the schema. {@link io.postroom.internal.postgres.purge.PurgeLedger} sums up the messages that leave,
 * and {@link io.postroom.internal.postgres.purge.PurgeThrottle} spreads the reading over time.
 *
 * <p>The database's clock decides which day is past and which message is still needed.
 *
 * <h2>How a day of messages is freed</h2>
 *
 * <ol>
 *   <li>Remove the deduplication keys of the day, in steps.
 *   <li>Begin a transaction and take SHARE on the partition. From now on the day is read, but not written.
 *   <li>Read all of the day in parts and decide about each message. The decision comes after the lock, in one statement over all tables.
 *   <li>Take ACCESS EXCLUSIVE, TRUNCATE, put back what is still needed, write the ledger, commit.
 * </ol>
 *
 * <p>Claims read all partitions. So the length of the last step counts, not that of the reading.
 *
 * <p>Keys of deduplication leave before or with their message, and messages before or with their history. So no snapshot shows a message
 * without an end, or a key without a message.
 *
 * <h2>What looks wrong and is right</h2>
 *
 * <ul>
 *   <li><b>{@code purge_look} pins its plan</b> as a claim does. PostgreSQL expects one row of a range of ids within one step of its
 *       statistics. The nested loops that it plans then took 440 us a message, hash joins 6.
 *   <li><b>The lines of history to keep are found from the messages that are left.</b> Only when those are many, each line is looked at,
 *       which takes 9 us a line.
 *   <li><b>The reading rests sixteen times as long as it works.</b> See {@code PurgeThrottle} for the figures.
 *   <li><b>{@code attempt} has no key, and its replica identity is FULL.</b> Under a publication for all tables, PostgreSQL refuses a
 *       DELETE from a table that has neither. FULL costs 64 bytes of WAL per deleted line (120 instead of 56), and only with {@code
 *       wal_level} logical. A key costs each inserted line 77 bytes (289 instead of 212) and 9 us more, at any {@code wal_level}. Most
 *       lines leave by TRUNCATE, which logs no rows. PostgreSQL gives a partition neither its parent's replica identity nor its rights and
 *       owner: {@code take_after_parent} does.
 *   <li><b>Batches read ranges of pages.</b> {@code ORDER BY ctid LIMIT} over the rest of a partition sorts that rest for each batch.
 *   <li><b>Large days of history are read through every half hour.</b> A day may be as wide as weeks, when most queues keep their messages
 *       for long, or as a year, after the server's clock was wrong. A message that waits for its day to be freed is deleted after 47 hours.
 *   <li><b>A tail that cannot be moved for an hour is detached CONCURRENTLY.</b> Where transactions overlap all the time, the lock of 50 ms
 *       is never to be had. See {@link io.postroom.internal.postgres.purge.TailDetachment} for what that needs.
 *   <li><b>{@code message} and {@code attempt} keep PostgreSQL's defaults for vacuum.</b> Rows are only added there. The passes that the
 *       defaults bring took 1.6 % of the CPU of four minutes of bulk load (3 to 8 % of the half minute in which one runs), and they spare
 *       the purge the first visit to each page.
 * </ul>
 *
 * <h2>Figures</h2>
 *
 * Measured on two shared cores with PostgreSQL 18:
 *
 * <ul>
 *   <li>Reading costs 6 us a message. When each message was looked up by itself in all days of history, it took 20 us.
 *   <li>A day of 400,000 messages (104 MB), 200 of them put back, is freed in 15 ms plus the commit; its history (36 MB) in 2 ms.
 *   <li>Moving the tail by seven days takes 20 to 65 ms. The table is locked for less than half of that time.
 *   <li>Two clients that enqueued without pause (560/s, durable) never waited longer than 57 ms. That wait was for a lock tried in vain
 *       behind an open dump.
 * </ul>
 */
@NullMarked
package io.postroom.internal.postgres.purge;

import org.jspecify.annotations.NullMarked;
