package io.postroom.internal.imports;

import io.postroom.api.FileImport;
import io.postroom.api.ImportedFile.State;
import io.postroom.api.Limits;
import io.postroom.internal.imports.FileReading.FailedFileException;
import io.postroom.internal.imports.Inbox.Claim;
import io.postroom.internal.storage.FileImportStore;
import io.postroom.internal.storage.FileImportStore.KnownFile;
import io.postroom.internal.storage.FileImportStore.TakenFile;
import io.postroom.internal.storage.ImportPosition;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
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
    private List<Path> resting = List.of();

    public FolderImport(FileImport settings, Inbox inbox, FileImportStore store, ImportedMessages messages) {
        this.settings = settings;
        this.inbox = inbox;
        this.store = store;
        this.messages = messages;
    }

    /** Looks into the folder; asks no database. Returns whether there is something to import. */
    public boolean hasWork() throws IOException {
        resting = inbox.restingFiles();
        return !resting.isEmpty() || inbox.hasClaims();
    }

    /**
     * Imports what the last look found, first what was claimed already, also by a process that died.
     *
     * @return false: nothing is left
     * @throws io.postroom.api.QueueFullException the queue takes no more now
     */
    public boolean work(Duration atMost) throws IOException {
        long until = System.nanoTime() + atMost.toNanos();
        for (Claim claim : inbox.claims()) {
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

    private boolean isFinished(Claim claim, long until) throws IOException {
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
    private boolean go(Claim claim, long until) throws IOException, FailedFileException {
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

    private boolean read(Claim claim, KnownFile known, long until) throws IOException, FailedFileException {
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
            return new FileReading(settings, store, messages, claim, known);
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
            throw new FailedFileException("it is a link or no regular file");
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
            taken = taken(claim, attributes.size(), sha256(claim.file()));
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

    private static byte[] sha256(Path file) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
        ByteBuffer buffer = ByteBuffer.allocate(HASHED_AT_ONCE);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
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
        inbox.failed(claim, reason);
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
            inbox.delete(claim);
        } else {
            inbox.done(claim);
        }
    }
}
