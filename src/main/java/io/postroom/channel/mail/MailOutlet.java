package io.postroom.channel.mail;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsVerdict;
import java.time.Instant;
import java.util.UUID;

/** The destination of finished mails: a server or a folder. Thread-safe. */
interface MailOutlet extends AutoCloseable {
    /**
     * @param id of the message; with {@code createdAt} it goes into the mail, so that a repeat is the same mail
     * @param attemptEnd when a server that has not answered is given up; {@code Instant.MAX}: by the limit of each answer alone
     */
    Outcome deliver(Mail mail, UUID id, Instant createdAt, Instant attemptEnd) throws InterruptedException;

    /** Asks whether mails could leave now, and sends none. Parks nothing, and uses no connection that mails use. */
    SettingsVerdict test();

    @Override
    void close();
}
