package io.postroom.internal.imports;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/** A part of a file in memory, which moves forward. It holds the record that is being read. One thread may use it. */
final class Window {
    private static final int STEP = 64 * 1024;

    private final FileChannel channel;
    private final long end;
    /** The bytes; {@link #length} of them are of the file. */
    byte[] bytes = new byte[2 * STEP];

    int length;
    private long start;

    /** @param end of what is read, although the file may be longer by now */
    Window(FileChannel channel, long from, long end) {
        this.channel = channel;
        this.start = from;
        this.end = end;
    }

    /** The place in the file of a byte of the window. */
    long placeOf(int index) {
        return start + index;
    }

    /** Forgets what is before a byte, which becomes the first one, if much was read. Returns where that byte is now. */
    int forgetBefore(int index) {
        if (index < STEP) {
            return index;
        }
        start += index;
        length -= index;
        System.arraycopy(bytes, index, bytes, 0, length);
        return 0;
    }

    /**
     * Reads on; what is there stays where it is.
     *
     * @return false: the end was reached
     * @throws EOFException the file is shorter than it was
     */
    boolean more() throws IOException {
        long at = start + length;
        if (at >= end) {
            return false;
        }
        if (length == bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * length);
        }
        int room = (int) Math.min(bytes.length - length, end - at);
        int read = channel.read(ByteBuffer.wrap(bytes, length, room), at);
        if (read < 0) {
            throw new EOFException("the file has become shorter");
        }
        length += read;
        return true;
    }

    /** Goes to another place of the file. */
    void moveTo(long place) {
        start = place;
        length = 0;
    }
}
