package io.postroom.channel.mail;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsVerdict;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes mails as files, for machines without an SMTP server: {@code <message-id>.eml}, which mail programs open.
 *
 * <p>A file appears complete or not at all, and survives a power cut: it is written under another name, forced to disk and renamed, and
 * then the folder is forced to disk. A repeated send writes the same file again.
 */
final class MailFiles implements MailOutlet {
    private static final Logger log = LoggerFactory.getLogger(MailFiles.class);

    private static final String TEMPORARY = ".tmp";
    /** Age after which a temporary file is removed; another process may still be writing a younger one. */
    private static final Duration LEFT_OVER_AFTER = Duration.ofHours(1);

    private final Path folder;
    private final MimeComposer composer;
    private final Duration parkFor;

    /** Makes the folder, and removes half-written files of killed processes. */
    MailFiles(MailSettings settings) {
        this.folder = settings.folder().toAbsolutePath();
        this.composer = new MimeComposer(settings);
        this.parkFor = settings.parkFor();
        try {
            Files.createDirectories(folder);
            removeLeftOvers();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write mails to " + folder, e);
        }
    }

    @Override
    public SettingsVerdict test() {
        boolean writable = Files.isDirectory(folder) && Files.isWritable(folder);
        return new SettingsVerdict(
                writable,
                "mails are written to " + folder + (writable ? "" : ", which is no folder that can be written to"),
                Duration.ZERO);
    }

    @Override
    public Outcome deliver(Mail mail, UUID id, Instant createdAt) {
        byte[] bytes = composer.compose(mail, id, createdAt, true);
        try {
            write(id + ".eml", bytes);
            return Outcome.done();
        } catch (IOException e) {
            // A full disk is not the fault of this mail.
            log.warn("Mail {} could not be written to {}, next try in {}: {}", id, folder, parkFor, e.toString());
            return Outcome.notNow(folder.toString(), parkFor);
        }
    }

    @Override
    public void close() {}

    private void write(String name, byte[] bytes) throws IOException {
        // A unique name: after a lost lease two workers may write the same mail.
        Path temporary = folder.resolve("." + name + "." + UUID.randomUUID() + TEMPORARY);
        try {
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
        forceFolder();
    }

    private static void move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Forces the folder to disk. Windows cannot open a folder as a file, and makes the rename durable by other means. */
    private void forceFolder() throws IOException {
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

    private void removeLeftOvers() throws IOException {
        FileTime old = FileTime.from(Instant.now().minus(LEFT_OVER_AFTER));
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, ".*" + TEMPORARY)) {
            for (Path file : files) {
                if (Files.getLastModifiedTime(file).compareTo(old) < 0) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }
}
