package io.postroom.internal.storage;

import io.postroom.api.ImportedFile;

/**
 * How far a file is.
 *
 * @param bytes of the file, whose lines are messages or bad lines
 * @param badBytes of the file of bad lines
 * @param error empty text: none
 */
public record ImportPosition(
        ImportedFile.State state, long bytes, long lines, long messages, long badLines, long badBytes, String error) {}
