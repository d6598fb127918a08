package io.postroom.channel.mail;

import io.postroom.api.Outcome;
import java.time.Instant;
import java.util.UUID;

/** The destination of finished mails: a server or a folder. Thread-safe. */
interface MailOutlet extends AutoCloseable {
    /** @param id of the message; with {@code createdAt} it goes into the mail, so that a repeat is the same mail */
    Outcome deliver(Mail mail, UUID id, Instant createdAt) throws InterruptedException;

    @Override
    void close();
}
