/**
 * Files that become messages. The job {@code ImportFiles} looks into a folder; {@link io.postroom.internal.imports.Inbox} knows its files,
 * {@link io.postroom.internal.imports.FileReading} imports one of them in blocks. Start reading there.
 *
 * <pre>
 * folder/orders.csv ─ stable ─► processing/&lt;id&gt;/orders.csv ─ blocks ─► done/&lt;id&gt;/orders.csv, bad-lines.ndjson
 *                                                              └─────► failed/&lt;id&gt;/orders.csv, reason.txt
 * </pre>
 *
 * <p>The folder says who a file belongs to: a rename within one file system claims it. The table {@code postroom.file_import} says how far
 * it is. A block's messages, its bad lines and the new position become true with one commit, so a process may be killed anywhere.
 *
 * <p>{@code System.nanoTime} decides how long a file has not changed. No wall clock is read: the clocks of file servers differ.
 *
 * <p>Looks wrong, is right:
 *
 * <ul>
 *   <li>A file is claimed into a folder of its own. Names keep their length and their bytes, and a second file of the same name is no
 *       danger to the first.
 *   <li>The reader of CSV is our own. Commons CSV and Jackson read a record of any length into memory, and cannot go on after a broken
 *       quote at a place that is known; both are what an import of other people's files needs.
 *   <li>A line for which an interceptor fails ends the block before it. What went well is committed, so the failures that are counted are
 *       those of one line. They are counted in this process only; a start begins anew.
 *   <li>The lock of the job is not what keeps lines from being imported twice: the compared position is. The lock saves work.
 * </ul>
 */
@NullMarked
package io.postroom.internal.imports;

import org.jspecify.annotations.NullMarked;
