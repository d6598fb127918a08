package io.postroom.internal.imports;

import io.postroom.api.FileImport;
import io.postroom.api.ImportedFile.State;
import io.postroom.api.Limits;
import io.postroom.internal.imports.FileReading.FailedFileException;
import io.postroom.internal.imports.FileReading.PutOffException;
import io.postroom.internal.imports.Inbox.Claim;
import io.postroom.internal.storage.FileImportStore;
import io.postroom.internal.storage.FileImportStore.KnownFile;
import io.postroom.internal.storage.FileImportStore.TakenFile;
import io.postroom.internal.storage.ImportPosition;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Imports the files of one folder, in turns. One thread at a time may use it. In several processes only one should {@link #work} at a time;
 * two would do no harm, but read the same lines.
 */
public final class FolderImport {
    private static final Logger log = LoggerFactory.getLogger(FolderImport.class);
    private static final int HASHED_AT_ONCE = 64 * 1024;

    private final FileImport settings;
    private final Inbox inbox;
    private final FileImportStore store;
    private final ImportedMessages messages;
    private final LongSupplier nanoTime;
    private final BlockSize blockSize = new BlockSize();
    /** Of claimed files that are not finished. */
    private final Map<UUID, Patience> patience = new HashMap<>();

    private List<Path> resting = List.of();

    public FolderImport(FileImport settings, Inbox inbox, FileImportStore store, ImportedMessages messages) {
        this(settings, inbox, store, messages, System::nanoTime);
    }

    /** @param nanoTime the clock that says when a file that failed is tried again */
    FolderImport(
            FileImport settings, Inbox inbox, FileImportStore store, ImportedMessages messages, LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        this.settings = settings;
        this.inbox = inbox;
        this.store = store;
        this.messages = messages;
    }

    /** Looks into the folder; asks no database. Returns whether there is something to import. */
    public boolean hasWork() throws IOException {
        resting = inbox.restingFiles();
        return !resting.isEmpty() || inbox.hasClaims(this::isToBeTried);
    }

    private boolean isToBeTried(UUID claim) {
        Patience ours = patience.get(claim);
        return ours == null || !ours.isResting();
    }

    /**
     * Imports what the last look found, first what was claimed already, also by a process that died. A file that fails for a reason that
     * may pass is tried again in a later turn, and the others go on.
     *
     * @return false: nothing is left that can be done now
     * @throws io.postroom.api.QueueFullException the queue takes no more now
     */
    public boolean work(Duration atMost) throws IOException {
        long until = System.nanoTime() + atMost.toNanos();
        List<Claim> claims = inbox.claims();
        patience.keySet().retainAll(claims.stream().map(Claim::id).collect(Collectors.toSet()));
        for (Claim claim : claims) {
            if (!isFinished(claim, until)) {
                return true;
            }
        }
        for (Path file : resting) {
            if (System.nanoTime() - until > 0) {
                return true;
            }
            Optional<Claim> claim = inbox.claim(file);
            if (claim.isPresent() && !isFinished(claim.get(), until)) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether the other files may go on. */
    private boolean isFinished(Claim claim, long until) throws IOException {
        Patience ours = patience.computeIfAbsent(claim.id(), id -> new Patience(nanoTime));
        if (ours.isResting()) {
            return true;
        }
        try {
            if (!goOrFail(claim, until)) {
                return false;
            }
            patience.remove(claim.id());
        } catch (PutOffException failed) {
            ours.failed(log, named(claim), failed.getCause());
        } catch (UncheckedIOException unwritten) { // such as a full disk: the file is good, and waits
            throwIfInterrupted(unwritten.getCause());
            ours.failed(log, named(claim), unwritten.getCause());
        } catch (IOException unreadable) {
            throwIfInterrupted(unreadable);
            failedToRead(claim, ours, unreadable);
        }
        return true;
    }

    /** The process stops: no failure of the file. */
    private static void throwIfInterrupted(IOException failed) throws IOException {
        if (failed instanceof ClosedByInterruptException) {
            throw failed;
        }
    }

    private void failedToRead(Claim claim, Patience ours, IOException unreadable) {
        if (ours.isLastTry()) {
            try {
                fail(
                        claim,
                        "it could not be read in " + Patience.MOST_FAILURES + " tries: " + unreadable + "; "
                                + store.find(claim.id())
                                        .map(known -> known.position().messages())
                                        .orElse(0L)
                                + " of its lines are messages");
                patience.remove(claim.id());
                return;
            } catch (IOException | UncheckedIOException unmoved) {
                unreadable.addSuppressed(unmoved);
            }
        }
        ours.failed(log, named(claim), unreadable);
    }

    private String named(Claim claim) {
        return "File " + claim.name() + " of import " + settings.name();
    }

    private boolean goOrFail(Claim claim, long until) throws IOException, PutOffException {
        try {
            return go(claim, until);
        } catch (FailedFileException failed) {
            fail(claim, String.valueOf(failed.getMessage()));
        } catch (NoSuchFileException gone) {
            log.warn("{} is gone from {}", claim.name(), claim.own());
            store.fail(claim.id(), "it is gone from the folder processing");
        }
        return true;
    }

    /** Returns whether nothing is left to do with the file, for this process. */
    private boolean go(Claim claim, long until) throws IOException, FailedFileException, PutOffException {
        KnownFile known = store.find(claim.id()).orElse(null);
        if (known == null) {
            known = begin(claim);
        }
        switch (known.position().state()) {
            case DONE -> finish(claim, known.position());
            case FAILED -> fail(claim, known.position().error());
            case RUNNING -> {
                return read(claim, known, until);
            }
        }
        return true;
    }

    private boolean read(Claim claim, KnownFile known, long until)
            throws IOException, FailedFileException, PutOffException {
        try (FileReading reading = opened(claim, known)) {
            do {
                State state = reading.step();
                if (state == null) {
                    return true;
                } else if (state == State.DONE) {
                    finish(claim, reading.position());
                    return true;
                }
            } while (System.nanoTime() - until < 0);
            return false;
        }
    }

    private FileReading opened(Claim claim, KnownFile known) throws IOException, FailedFileException {
        try {
            return new FileReading(
                    settings,
                    store,
                    messages,
                    claim,
                    known,
                    blockSize,
                    patience.computeIfAbsent(claim.id(), id -> new Patience(nanoTime)));
        } catch (AccessDeniedException denied) {
            throw unreadable(denied);
        }
    }

    private static FailedFileException unreadable(AccessDeniedException denied) {
        return new FailedFileException("it may not be read: " + denied.getMessage());
    }

    private KnownFile begin(Claim claim) throws IOException, FailedFileException {
        BasicFileAttributes attributes = claim.attributes();
        if (!attributes.isRegularFile()) {
            throw new FailedFileException(Inbox.NOT_REGULAR);
        }
        if (claim.changedMeanwhile()) {
            throw new FailedFileException("it changed while it was taken; it can be moved back into the folder");
        }
        long largest = settings.format().hasLines()
                ? settings.largestFile()
                : Math.min(settings.largestFile(), Limits.PAYLOAD_BYTES);
        if (attributes.size() > largest) {
            throw new FailedFileException(
                    "it has " + attributes.size() + " bytes; at most " + largest + " are allowed");
        }
        TakenFile taken;
        try {
            taken = taken(claim, attributes.size(), sha256(claim));
        } catch (AccessDeniedException denied) {
            throw unreadable(denied);
        }
        if (!settings.again()) {
            Optional<Instant> before = store.importedBefore(taken);
            if (before.isPresent()) {
                throw new FailedFileException("a file with this name and content was imported at " + before.get()
                        + "; see the setting again");
            }
        }
        store.begin(taken);
        // Not what was just written: another process may have begun, and got further.
        return store.find(claim.id()).orElseThrow(() -> new IllegalStateException("no row of " + claim.id()));
    }

    private TakenFile taken(Claim claim, long size, byte[] sha256) throws IOException {
        return new TakenFile(claim.id(), settings.name(), claim.name(), size, claim.modifiedMicros(), sha256);
    }

    private static byte[] sha256(Claim claim) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
        ByteBuffer buffer = ByteBuffer.allocate(HASHED_AT_ONCE);
        try (FileChannel channel = claim.open()) {
            while (channel.read(buffer.clear()) >= 0) {
                digest.update(buffer.flip());
            }
        }
        return digest.digest();
    }

    private void fail(Claim claim, String reason) throws IOException {
        store.begin(new TakenFile(
                claim.id(),
                settings.name(),
                claim.name(),
                claim.attributes().size(),
                claim.modifiedMicros(),
                null)); // stays as it is where it has begun
        store.fail(claim.id(), reason);
        log.warn("File {} of import {} failed: {}", claim.name(), settings.name(), reason);
        move(() -> inbox.failed(claim, reason));
    }

    private void finish(Claim claim, ImportPosition position) throws IOException {
        if (position.badLines() > 0) {
            log.warn(
                    "File {} of import {} is imported: {} messages; {} bad lines are in done/{}/{}",
                    claim.name(),
                    settings.name(),
                    position.messages(),
                    position.badLines(),
                    claim.id(),
                    Inbox.BAD_LINES);
        } else {
            log.info(
                    "File {} of import {} is imported: {} messages",
                    claim.name(),
                    settings.name(),
                    position.messages());
        }
        if (settings.done() == FileImport.Done.DELETE && position.badLines() == 0) {
            move(() -> inbox.delete(claim));
        } else {
            move(() -> inbox.done(claim));
        }
    }

    /** @throws UncheckedIOException it cannot be moved now, and nothing is wrong with its content */
    private static void move(Move move) throws NoSuchFileException {
        try {
            move.run();
        } catch (NoSuchFileException gone) {
            throw gone;
        } catch (IOException unmoved) {
            throw new UncheckedIOException(unmoved);
        }
    }

    @FunctionalInterface
    private interface Move {
        void run() throws IOException;
    }
}
