package io.postroom.testing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file on a disk that becomes full: it takes half of what is written, and the rest goes to a device that has no space. */
public final class FullDisk extends FileChannel {
    private static final Path DEVICE = Path.of("/dev/full");

    private final FileChannel file;
    private final FileChannel full;

    public FullDisk(FileChannel file) throws IOException {
        this.file = file;
        this.full = FileChannel.open(DEVICE, StandardOpenOption.WRITE);
    }

    /** Whether this system has such a device. Linux has. */
    public static boolean isThere() {
        return Files.exists(DEVICE);
    }

    @Override
    public int write(ByteBuffer source, long position) throws IOException {
        if (source.remaining() < 2 || source.position() > 0) {
            return full.write(source);
        }
        ByteBuffer half = source.duplicate().limit(source.remaining() / 2);
        int written = file.write(half, position);
        source.position(source.position() + written);
        return written;
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
        return file.read(target, position);
    }

    @Override
    public long size() throws IOException {
        return file.size();
    }

    @Override
    public FileChannel truncate(long size) throws IOException {
        file.truncate(size);
        return this;
    }

    @Override
    public void force(boolean metaData) throws IOException {
        file.force(metaData);
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) throws IOException {
        return file.lock(position, size, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
        file.close();
        full.close();
    }

    @Override
    public int read(ByteBuffer target) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long read(ByteBuffer[] targets, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
        return write(source, file.size());
    }

    @Override
    public long write(ByteBuffer[] sources, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long position() {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel position(long newPosition) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) {
        throw new UnsupportedOperationException();
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) {
        throw new UnsupportedOperationException();
    }
}
