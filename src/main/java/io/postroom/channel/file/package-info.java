/**
 * The channel "file": a message becomes a file, or a line of a file of its hour, day or month. Folder, name and format come from an entry
 * of {@link io.postroom.api.SettingsRegistry}, which the handler names.
 *
 * <pre>
 * handler ─ payload ─► FileOutbox ─ OutboxSettings, NameTemplate ─┬─► WholeFiles      json, bytes, ndjson, csv
 *                                                                 └─► AppendedFile    ndjson, csv
 * </pre>
 *
 * <p>Start with {@link io.postroom.channel.file.FileOutbox}. Times in names are those of the message's creation, by the database's clock:
 * so a repeat writes the same file, or looks into the same file.
 *
 * <p>Looks wrong, is right:
 *
 * <ul>
 *   <li>A missing folder is not made. A share that is not mounted would otherwise fill the disk below its mount point.
 *   <li>A mistake in the entry rejects no message: all of them wait until an operator has corrected it.
 *   <li>Text from messages never makes a path: {@code NameTemplate} keeps letters, digits, dots, hyphens and underscores.
 * </ul>
 */
@NullMarked
package io.postroom.channel.file;

import org.jspecify.annotations.NullMarked;
