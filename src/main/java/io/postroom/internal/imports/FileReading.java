package io.postroom.internal.imports;

import io.postroom.api.DuplicateMessageException;
import io.postroom.api.FileImport;
import io.postroom.api.FileImport.Format;
import io.postroom.api.ImportedFile.State;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.StoreException;
import io.postroom.internal.imports.Inbox.Claim;
import io.postroom.internal.imports.Records.BadRecordException;
import io.postroom.internal.storage.FileImportStore;
import io.postroom.internal.storage.ImportPosition;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.StoreErrors;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Reads the lines of one claimed file from its position on, and turns them into messages block by block. One thread may use it.
 *
 * <p>A block is one transaction: the position moves, bad lines are written beside the file, messages are created. A process that dies
 * before the commit leaves the position where it was, and the next one reads the same lines again.
 */
final class FileReading implements Closeable {
    private static final int BLOCK_LINES = 1000;
    private static final int BLOCK_BYTES = 2 * 1024 * 1024;

    private final FileImport settings;
    private final FileImportStore store;
    private final ImportedMessages messages;
    private final Claim claim;
    private final long size;
    private final long modifiedMicros;
    private final LineMessages lineMessages;
    private final FileChannel channel;
    private ImportPosition position;
    private @Nullable Records records;
    /** Lines before this place are imported one by one, because one of them was refused by the database. */
    private long oneByOneBefore;

    FileReading(
            FileImport settings,
            FileImportStore store,
            ImportedMessages messages,
            Claim claim,
            FileImportStore.KnownFile known)
            throws IOException {
        this.settings = settings;
        this.store = store;
        this.messages = messages;
        this.claim = claim;
        this.size = known.size();
        this.modifiedMicros = known.modifiedMicros();
        this.position = known.position();
        this.lineMessages = new LineMessages(settings, messages, claim.name());
        this.channel = FileChannel.open(claim.file(), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Imports the next lines.
     *
     * @return how it stands now; null: another process goes on with the file
     * @throws FailedFileException the file cannot be imported, or changes
     * @throws io.postroom.api.QueueFullException the queue takes no more now
     */
    @Nullable
    State step() throws IOException, FailedFileException {
        try {
            return settings.format().hasLines() ? lines() : whole();
        } catch (EOFException shorter) {
            throw new FailedFileException(changed());
        }
    }

    private String changed() {
        return "it changed while it was imported; " + position.messages() + " of its lines are messages";
    }

    private void requireUnchanged() throws IOException, FailedFileException {
        if (channel.size() != size || claim.modifiedMicros() != modifiedMicros) {
            throw new FailedFileException(changed());
        }
    }

    // ---- a file that is a message

    private @Nullable State whole() throws IOException, FailedFileException {
        byte[] content = new byte[(int) size]; // its size was checked before it began
        ByteBuffer buffer = ByteBuffer.wrap(content);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, buffer.position()) < 0) {
                throw new EOFException();
            }
        }
        requireUnchanged();
        NewMessage message;
        try {
            String text = settings.format() == Format.JSON ? Records.utf8(content, 0, content.length) : "";
            message = lineMessages.ofFile(content, text);
        } catch (InvalidMessageException refused) {
            throw new FailedFileException(refused.getMessage());
        } catch (BadRecordException refused) {
            throw new FailedFileException("it is " + refused.getMessage());
        }
        Block block = new Block(new ImportPosition(State.DONE, size, 0, 1, 0, 0, ""));
        block.messages.add(message);
        try {
            return write(block);
        } catch (StoreException refused) {
            throwUnlessOfOneLine(refused);
            throw new FailedFileException(refused.getMessage());
        }
    }

    // ---- lines

    private @Nullable State lines() throws IOException, FailedFileException {
        if (records == null) {
            records = open();
        }
        Block block = read(records, records.place() < oneByOneBefore ? 1 : BLOCK_LINES);
        requireUnchanged();
        try {
            return write(block);
        } catch (DuplicateMessageException clash) {
            return writeWithout(block, clash);
        } catch (StoreException refused) {
            throwUnlessOfOneLine(refused);
            return writeWithout(block, refused);
        }
    }

    /** A failure that every line would meet is none of this line. */
    private static void throwUnlessOfOneLine(StoreException refused) {
        if (!StoreErrors.mayBeOfOneRow(refused)) {
            throw refused;
        }
    }

    /** Goes back to the lines of a block that was refused, and takes them one by one; or leaves the one line out that was refused. */
    private @Nullable State writeWithout(Block block, RuntimeException refused) throws IOException {
        if (block.lines > 1) {
            oneByOneBefore = block.to.bytes();
            records = null;
            return State.RUNNING;
        }
        block.bad.add(block.lastLine, String.valueOf(refused.getMessage()), block.lastText);
        Block without = new Block(new ImportPosition(
                block.to.state(),
                block.to.bytes(),
                block.to.lines(),
                position.messages(),
                block.to.badLines() + 1,
                position.badBytes() + block.bad.bytes().length,
                ""));
        without.bad = block.bad;
        return write(without);
    }

    private Records open() throws IOException, FailedFileException {
        long first = byteOrderMark();
        if (settings.format() == Format.NDJSON) {
            return new NdjsonRecords(
                    channel, Math.max(first, position.bytes()), size, position.lines(), settings.largestLine());
        }
        CsvRecords header = csv(first, 0);
        List<String> names;
        if (!header.next()) {
            return header; // an empty file
        }
        try {
            names = header.names();
        } catch (BadRecordException bad) {
            throw new FailedFileException("its first line has no names of columns: " + bad.getMessage());
        }
        return position.bytes() == 0
                ? header.under(names)
                : csv(position.bytes(), position.lines()).under(names);
    }

    private CsvRecords csv(long from, long linesBefore) {
        return new CsvRecords(channel, from, size, linesBefore, settings.largestLine(), settings.separator());
    }

    /** Programs on Windows begin a file with one. */
    private long byteOrderMark() throws IOException {
        byte[] first = new byte[3];
        int read = channel.read(ByteBuffer.wrap(first), 0);
        return read == 3 && first[0] == (byte) 0xEF && first[1] == (byte) 0xBB && first[2] == (byte) 0xBF ? 3 : 0;
    }

    private Block read(Records from, int most) throws IOException {
        Block block = new Block(position);
        int bytes = 0;
        boolean more = true;
        while (block.lines < most && bytes < BLOCK_BYTES && (more = from.next())) {
            block.lines++;
            bytes += from.size();
            if (from.problem() != null) {
                block.bad.add(from.line(), String.valueOf(from.problem()), from.excerpt());
            } else if (!from.isEmpty()) {
                add(from, block, most == 1);
            }
        }
        block.to = new ImportPosition(
                more ? State.RUNNING : State.DONE,
                more ? from.place() : size,
                from.linesRead(),
                position.messages() + block.messages.size(),
                position.badLines() + block.bad.count(),
                position.badBytes() + block.bad.bytes().length,
                "");
        return block;
    }

    private void add(Records record, Block block, boolean alone) {
        try {
            block.messages.add(lineMessages.ofLine(record.json(), record.line()));
            if (alone) {
                block.lastLine = record.line();
                block.lastText = record.excerpt();
            }
        } catch (BadRecordException | InvalidMessageException bad) {
            block.bad.add(record.line(), String.valueOf(bad.getMessage()), record.excerpt());
        }
    }

    // ---- write

    private @Nullable State write(Block block) {
        byte[] bad = block.bad.bytes();
        AtomicReference<Runnable> created = new AtomicReference<>(() -> {});
        boolean moved = store.advance(claim.id(), position, block.to, connection -> {
            // While the row is locked: another process that holds an older position must not cut off these lines.
            if (bad.length > 0) {
                try {
                    BadLines.write(claim.own().resolve(Inbox.BAD_LINES), position.badBytes(), bad);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
            if (!block.messages.isEmpty()) {
                created.set(messages.create(block.messages, connection));
            }
        });
        if (!moved) {
            return null;
        }
        position = block.to;
        created.get().run();
        return position.state();
    }

    /** How far the file is, as of the last commit. */
    ImportPosition position() {
        return position;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** What one transaction writes. */
    private static final class Block {
        private final List<NewMessage> messages = new ArrayList<>();
        private BadLines bad = new BadLines();
        private ImportPosition to;
        private int lines;
        private long lastLine;
        private String lastText = "";

        Block(ImportPosition to) {
            this.to = to;
        }
    }

    /** Says why a file as a whole cannot be imported. */
    static final class FailedFileException extends Exception {
        private static final long serialVersionUID = 1;

        FailedFileException(@Nullable String reason) {
            super(String.valueOf(reason));
        }
    }
}
