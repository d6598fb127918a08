package io.postroom.internal.imports;

import io.postroom.api.DuplicateMessageException;
import io.postroom.api.FileImport;
import io.postroom.api.FileImport.Format;
import io.postroom.api.ImportedFile.State;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueFullException;
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
    private static final int BLOCK_BYTES = 2 * 1024 * 1024;

    private final FileImport settings;
    private final FileImportStore store;
    private final ImportedMessages messages;
    private final Claim claim;
    private final BlockSize blockSize;
    private final Patience patience;
    private final long size;
    private final long modifiedMicros;
    private final LineMessages lineMessages;
    private final FileChannel channel;
    private ImportPosition position;
    private @Nullable Records records;
    /** Lines before this place are imported one by one, because one of them was refused by the database. */
    private long oneByOneBefore;

    /**
     * @param blockSize of all files of the import: they go into one queue
     * @param patience with this file
     */
    FileReading(
            FileImport settings,
            FileImportStore store,
            ImportedMessages messages,
            Claim claim,
            FileImportStore.KnownFile known,
            BlockSize blockSize,
            Patience patience)
            throws IOException {
        this.settings = settings;
        this.store = store;
        this.messages = messages;
        this.claim = claim;
        this.blockSize = blockSize;
        this.patience = patience;
        this.size = known.size();
        this.modifiedMicros = known.modifiedMicros();
        this.position = known.position();
        this.lineMessages = new LineMessages(settings, messages, claim.name());
        this.channel = claim.open();
    }

    /**
     * Imports the next lines.
     *
     * @return how it stands now; null: another process goes on with the file
     * @throws FailedFileException the file cannot be imported, or changes
     * @throws PutOffException code of the host fails for the next line, and may do better later
     * @throws io.postroom.api.QueueFullException the queue takes no more now
     * @throws StoreException the database takes no line now, or the queue moves to another home
     */
    @Nullable
    State step() throws IOException, FailedFileException, PutOffException {
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

    private @Nullable State whole() throws IOException, FailedFileException, PutOffException {
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
        } catch (PostroomException away) {
            throw away;
        } catch (RuntimeException failed) {
            if (!patience.isLastTry()) {
                throw new PutOffException(failed);
            }
            throw new FailedFileException(givenUp(failed));
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

    private @Nullable State lines() throws IOException, FailedFileException, PutOffException {
        if (records == null) {
            records = open();
        }
        Block block = read(records, records.place() < oneByOneBefore ? 1 : blockSize.lines());
        requireUnchanged();
        try {
            State state = write(block);
            blockSize.written(block.lines);
            return state;
        } catch (QueueFullException full) {
            return halve(block, full);
        } catch (DuplicateMessageException clash) {
            return writeWithout(block, clash);
        } catch (StoreException refused) {
            throwUnlessOfOneLine(refused);
            return writeWithout(block, refused);
        }
    }

    /** Goes back to the lines of a block for which the queue has no room, and takes fewer of them. */
    private @Nullable State halve(Block block, QueueFullException full) {
        if (block.lines <= 1) {
            throw full;
        }
        blockSize.refused(block.lines);
        records = null;
        return State.RUNNING;
    }

    /** A failure that every line would meet is none of this line. A queue that is closed because it moves refuses all lines. */
    private static void throwUnlessOfOneLine(StoreException refused) {
        if (!StoreErrors.mayBeOfOneRow(refused) || StoreErrors.isOfMovedQueue(refused)) {
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
        block.bad.add(block.firstLine, String.valueOf(refused.getMessage()), block.firstText);
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

    private Block read(Records from, int most) throws IOException, PutOffException {
        Block block = new Block(position);
        int bytes = 0;
        long place = from.place();
        long linesRead = from.linesRead();
        boolean more = true;
        while (block.lines < most && bytes < BLOCK_BYTES && (more = from.next())) {
            if (!isAdded(from, block)) {
                records = null; // the next block begins with this line, and tries it
                break;
            }
            block.lines++;
            bytes += from.size();
            place = from.place();
            linesRead = from.linesRead();
        }
        block.to = new ImportPosition(
                more ? State.RUNNING : State.DONE,
                more ? place : size,
                more ? linesRead : from.linesRead(),
                position.messages() + block.messages.size(),
                position.badLines() + block.bad.count(),
                position.badBytes() + block.bad.bytes().length,
                "");
        return block;
    }

    /**
     * Makes a message of a line, or a bad line.
     *
     * @return false: code of the host fails for it, and it is not the first line of its block
     * @throws PutOffException code of the host fails for it, which is the first line
     */
    private boolean isAdded(Records record, Block block) throws PutOffException {
        if (record.problem() != null) {
            block.bad.add(record.line(), String.valueOf(record.problem()), record.excerpt());
            return true;
        } else if (record.isEmpty()) {
            return true;
        }
        if (block.lines == 0) {
            block.firstLine = record.line();
            block.firstText = record.excerpt();
        }
        try {
            block.messages.add(lineMessages.ofLine(record.json(), record.line()));
        } catch (BadRecordException | InvalidMessageException bad) {
            block.bad.add(record.line(), String.valueOf(bad.getMessage()), record.excerpt());
        } catch (PostroomException away) {
            throw away;
        } catch (RuntimeException failed) {
            if (block.lines > 0) {
                return false;
            } else if (!patience.isLastTry()) {
                throw new PutOffException(failed);
            }
            block.bad.add(record.line(), givenUp(failed), record.excerpt());
        }
        return true;
    }

    private static String givenUp(RuntimeException failed) {
        return "an interceptor failed " + Patience.MOST_FAILURES + " times: " + failed;
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
        patience.gotFurther();
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
        private long firstLine;
        private String firstText = "";

        Block(ImportPosition to) {
            this.to = to;
        }
    }

    /** Says that code of the host failed for a line, which is tried again later. */
    static final class PutOffException extends Exception {
        private static final long serialVersionUID = 1;

        PutOffException(RuntimeException failed) {
            super(failed.toString(), failed);
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
