package io.postroom.server;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a directory for one server by an operating system lock on the file {@code lock} in it. The lock ends with its
 * process, however the process ends. The file holds the process id, for the message to a second server, and stays when the
 * lock is released.
 */
final class DirectoryLock implements AutoCloseable {
    static final String FILE_NAME = "lock";

    /**
     * Directories locked by this JVM. Asking the file is not enough: on POSIX systems, closing any descriptor of a file
     * drops all locks of the process on it, so a second attempt here would release the first one's lock without a word.
     */
    private static final Set<Path> HELD_HERE = ConcurrentHashMap.newKeySet();

    private final Path directory;
    private final FileChannel channel;

    private DirectoryLock(Path directory, FileChannel channel) {
        this.directory = directory;
        this.channel = channel;
    }

    /**
     * @param directory an existing directory, as a real path
     * @throws EmbeddedDatabaseException if another server, in this process or elsewhere, holds it
     */
    static DirectoryLock acquire(Path directory) throws IOException {
        if (!HELD_HERE.add(directory)) {
            throw inUse(directory, "this process");
        }
        FileChannel channel = null;
        try {
            channel = FileChannel.open(directory.resolve(FILE_NAME), CREATE, READ, WRITE);
            if (tryLock(channel) == null) {
                throw inUse(directory, "process " + readHolder(channel));
            }
            channel.truncate(0);
            channel.write(
                    StandardCharsets.US_ASCII.encode(
                            Long.toString(ProcessHandle.current().pid())),
                    0);
            return new DirectoryLock(directory, channel);
        } catch (IOException | RuntimeException | Error e) {
            HELD_HERE.remove(directory);
            if (channel != null) {
                channel.close();
            }
            throw e;
        }
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    private static String readHolder(FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(20);
        channel.read(bytes, 0);
        return StandardCharsets.US_ASCII.decode(bytes.flip()).toString();
    }

    private static EmbeddedDatabaseException inUse(Path directory, String holder) {
        return new EmbeddedDatabaseException("The data directory " + directory + " is in use by another server ("
                + holder + "). Stop that one first, or give this one a directory of its own.");
    }

    @Override
    public void close() throws IOException {
        try {
            channel.close();
        } finally {
            HELD_HERE.remove(directory);
        }
    }
}
