package io.postroom.channel.file;

import io.postroom.internal.files.WholeFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Appends lines to files that several threads and processes append to. One line at a time: under a lock of this JVM, because {@link
 * FileChannel#lock} is for processes alone, and under a lock of the file. Thread-safe.
 *
 * <p>A killed writer may leave the beginning of a line. The next one cuts it off. In CSV a line end may stand within quotes, so the end of
 * the last whole line is found by reading on from an end that is known; only what other processes wrote since is read.
 */
final class AppendedFile {
    private static final Logger log = LoggerFactory.getLogger(AppendedFile.class);

    /** How far back a repeated message is looked for, and NDJSON is read for its last line end. */
    static final int LOOK_BACK = 16 * 1024 * 1024;

    private static final int WINDOW = 64 * 1024;
    private static final Lock[] LOCKS = new Lock[64];
    private static final int REMEMBERED = 200;
    /** Where files ended after the last line that this process has seen. Only a reason to read less. */
    private static final Map<Path, End> ENDS = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Path, End> eldest) {
            return size() > REMEMBERED;
        }
    });

    static {
        for (int i = 0; i < LOCKS.length; i++) {
            LOCKS[i] = new ReentrantLock();
        }
    }

    private final Path path;
    private final boolean quotes;
    private final Opener opener;

    /**
     * @param path of the file, in a real folder
     * @param quotes whether a line end within double quotes ends no line
     */
    AppendedFile(Path path, boolean quotes) {
        this(path, quotes, FileChannel::open);
    }

    AppendedFile(Path path, boolean quotes, Opener opener) {
        this.path = path;
        this.quotes = quotes;
        this.opener = opener;
    }

    /** Opens a channel. Tests give one that fails. */
    @FunctionalInterface
    interface Opener {
        FileChannel open(Path path, OpenOption... options) throws IOException;
    }

    /**
     * Appends a line and forces it to disk.
     *
     * @param header written first into a new file
     * @param repeated what the line begins with, when it may be in the file already; null: it is not
     * @return whether it was written; false: it was in the file
     * @throws IOException the file has only whole lines, or an incomplete last one that the next writer cuts off
     */
    boolean append(byte[] header, byte[] line, byte @Nullable [] repeated) throws IOException, InterruptedException {
        Lock lock = LOCKS[Math.floorMod(path.hashCode(), LOCKS.length)];
        lock.lockInterruptibly();
        try {
            boolean isNew = !Files.exists(path, LinkOption.NOFOLLOW_LINKS);
            // A link is refused, so that nobody leads the line out of the folder. READ and WRITE together do not wait
            // for the other end of
            // a pipe.
            try (FileChannel channel = opener.open(
                            path,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            LinkOption.NOFOLLOW_LINKS);
                    FileLock ignored = lock(channel)) {
                Object key = keyOfRegularFile();
                long end = cutPartialLine(channel, key);
                if (repeated != null && isThere(channel, end, repeated)) {
                    return false;
                }
                write(channel, end, end == 0 ? joined(header, line) : line, key);
            }
            if (isNew) {
                WholeFiles.forceFolder(Objects.requireNonNull(path.getParent()));
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    private FileLock lock(FileChannel channel) throws IOException {
        try {
            return channel.lock();
        } catch (OverlappingFileLockException other) {
            throw new IOException(path + " is locked by another class loader of this JVM", other);
        }
    }

    private Object keyOfRegularFile() throws IOException {
        BasicFileAttributes attributes =
                Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isRegularFile()) {
            throw new IOException(path + " is no regular file");
        }
        Object key = attributes.fileKey();
        return key == null ? path : key; // Windows has none
    }

    private void write(FileChannel channel, long end, byte[] bytes, Object key) throws IOException {
        try {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            long at = end;
            while (buffer.hasRemaining()) {
                at += channel.write(buffer, at);
            }
            channel.force(true);
            ENDS.put(path, new End(key, at));
        } catch (IOException full) {
            if (channel.isOpen()) {
                channel.truncate(end); // works on a full disk
            }
            throw full;
        }
    }

    /** Returns where the last whole line ends. Nothing stands behind it any more. */
    private long cutPartialLine(FileChannel channel, Object key) throws IOException {
        long size = channel.size();
        End known = ENDS.get(path);
        boolean isSame = known != null && known.key.equals(key) && known.at <= size;
        long from = isSame ? known.at : 0;
        long end = from;
        if (!quotes && size - LOOK_BACK > from) {
            from = size - LOOK_BACK; // longer than any line
        }
        boolean quoted = false;
        ByteBuffer buffer = ByteBuffer.allocate(WINDOW);
        for (long at = from; at < size; ) {
            int read = channel.read(buffer.clear(), at);
            if (read < 0) {
                break;
            }
            for (int i = 0; i < read; i++) {
                byte b = buffer.get(i);
                quoted ^= quotes && b == '"';
                if (b == '\n' && !quoted) {
                    end = at + i + 1;
                }
            }
            at += read;
        }
        if (end < size) {
            log.warn("{} bytes of an unfinished line were cut off {}", size - end, path);
            channel.truncate(end);
        }
        return end;
    }

    /** Looks for a line that begins like this among the last bytes. */
    private static boolean isThere(FileChannel channel, long end, byte[] beginning) throws IOException {
        byte[] wanted = new byte[beginning.length + 1];
        wanted[0] = '\n';
        System.arraycopy(beginning, 0, wanted, 1, beginning.length);
        long from = Math.max(0, end - LOOK_BACK);
        ByteBuffer buffer = ByteBuffer.allocate(WINDOW);
        byte[] bytes = buffer.array();
        int kept = 0;
        if (from == 0) {
            bytes[0] = '\n'; // the first line begins a line, too
            kept = 1;
        }
        for (long at = from; at < end; ) {
            buffer.limit(WINDOW).position(kept);
            int read = channel.read(buffer, at);
            if (read < 0) {
                return false;
            }
            int filled = kept + read;
            if (indexOf(bytes, filled, wanted) >= 0) {
                return true;
            }
            kept = Math.min(filled, wanted.length - 1);
            System.arraycopy(bytes, filled - kept, bytes, 0, kept);
            at += read;
        }
        return false;
    }

    private static int indexOf(byte[] bytes, int length, byte[] wanted) {
        for (int i = 0; i + wanted.length <= length; i++) {
            if (bytes[i] == '\n' && Arrays.equals(bytes, i, i + wanted.length, wanted, 0, wanted.length)) {
                return i;
            }
        }
        return -1;
    }

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private record End(Object key, long at) {}
}
