package io.postroom.internal.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
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
        write(folder, name, bytes, FileChannel::open, new FileAttribute<?>[0]);
    }

    /** Writes a file as {@link #write} does, that only its owner may read and write, where the file system knows owners. */
    public static void writePrivate(Path folder, String name, byte[] bytes) throws IOException {
        write(folder, name, bytes, FileChannel::open, onlyOwner(folder, "rw-------"));
    }

    /** Makes a folder, and those above it, that only their owner may enter. Folders that exist are left as they are. */
    public static void createPrivateFolder(Path folder) throws IOException {
        Files.createDirectories(folder, onlyOwner(folder, "rwx------"));
    }

    private static FileAttribute<?>[] onlyOwner(Path path, String permissions) {
        return path.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }

    /** Opens a channel. Tests give one that fails. */
    @FunctionalInterface
    interface Opener {
        FileChannel open(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
                throws IOException;
    }

    static void write(Path folder, String name, byte[] bytes, Opener opener, FileAttribute<?>... attributes)
            throws IOException {
        // A unique name: after a lost lease two workers may write the same file.
        Path temporary = folder.resolve("." + name + "." + UUID.randomUUID() + TEMPORARY);
        try {
            // CREATE_NEW follows no link that somebody put there.
            try (FileChannel channel = opener.open(
                    temporary, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), attributes)) {
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
