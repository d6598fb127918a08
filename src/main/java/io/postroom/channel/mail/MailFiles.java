package io.postroom.channel.mail;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsVerdict;
import io.postroom.internal.files.WholeFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes mails as files, for machines without an SMTP server: {@code <message-id>.eml}, which mail programs open.
 *
 * <p>A file appears complete or not at all, and survives a power cut: see {@link WholeFiles}. A repeated send writes the same file again.
 * Only the user of this process may read the files and enter a folder that is made for them: mails name people.
 */
final class MailFiles implements MailOutlet {
    private static final Logger log = LoggerFactory.getLogger(MailFiles.class);

    private final Path folder;
    private final MimeComposer composer;
    private final Duration parkFor;

    /** Makes the folder, and removes half-written files of killed processes. */
    MailFiles(MailSettings settings) {
        this.folder = settings.folder().toAbsolutePath();
        this.composer = new MimeComposer(settings);
        this.parkFor = settings.parkFor();
        try {
            WholeFiles.createPrivateFolder(folder);
            WholeFiles.removeLeftOvers(folder);
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
    public Outcome deliver(Mail mail, UUID id, Instant createdAt, Instant attemptEnd) {
        byte[] bytes = composer.compose(mail, id, createdAt, true);
        try {
            WholeFiles.writePrivate(folder, id + ".eml", bytes);
            return Outcome.done();
        } catch (IOException e) {
            // A full disk is not the fault of this mail.
            log.warn("Mail {} could not be written to {}, next try in {}: {}", id, folder, parkFor, e.toString());
            return Outcome.notNow(folder.toString(), parkFor);
        }
    }

    @Override
    public void close() {}
}
