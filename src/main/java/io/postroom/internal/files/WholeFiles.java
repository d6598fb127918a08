package io.postroom.internal.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;

/**
 * Writes files that appear complete or not at all, and survive a power cut: each is written under another name in the same folder, forced
 * to disk and renamed, and then the folder is forced to disk. Thread-safe, also between processes: the last writer of a name wins.
 */
public final class WholeFiles {
    /** Temporary names begin with a dot, as in {@code .name.<uuid>.tmp}, so that listings and imports leave them out. */
    public static final String TEMPORARY = ".tmp";

    /** Characters that a temporary name has more than the name. File systems take names of 255 bytes. */
    public static final int LONGER_BY = 1 + 1 + 36 + TEMPORARY.length();

    /** Age after which a temporary file is removed; another process may still be writing a younger one. */
    private static final Duration LEFT_OVER_AFTER = Duration.ofHours(1);

    private WholeFiles() {}

    /**
     * Writes a file, or replaces it. A link of that name is replaced, not followed.
     *
     * @param folder must exist
     * @param name of the file, without a folder
     * @throws IOException the file is as it was, and nothing half-written is left
     */
    public static void write(Path folder, String name, byte[] bytes) throws IOException {
        // A unique name: after a lost lease two workers may write the same file.
        Path temporary = folder.resolve("." + name + "." + UUID.randomUUID() + TEMPORARY);
        try {
            // CREATE_NEW follows no link that somebody put there.
            try (FileChannel channel =
                    FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            move(temporary, folder.resolve(name));
        } finally {
            Files.deleteIfExists(temporary);
        }
        forceFolder(folder);
    }

    private static void move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Forces a folder to disk. Windows cannot open a folder as a file, and makes the rename durable by other means. */
    public static void forceFolder(Path folder) throws IOException {
        FileChannel channel;
        try {
            channel = FileChannel.open(folder, StandardOpenOption.READ);
        } catch (IOException e) {
            return;
        }
        try (channel) {
            channel.force(true);
        }
    }

    /** Removes temporary files that killed processes left an hour ago or earlier. */
    public static void removeLeftOvers(Path folder) throws IOException {
        FileTime old = FileTime.from(Instant.now().minus(LEFT_OVER_AFTER));
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, ".*" + TEMPORARY)) {
            for (Path file : files) {
                removeIfOlder(file, old);
            }
        } catch (DirectoryIteratorException unreadable) {
            throw unreadable.getCause();
        }
    }

    private static void removeIfOlder(Path file, FileTime old) throws IOException {
        try {
            if (Files.getLastModifiedTime(file).compareTo(old) < 0) {
                Files.deleteIfExists(file);
            }
        } catch (NoSuchFileException renamed) {
            // another process has just completed it
        }
    }
}
