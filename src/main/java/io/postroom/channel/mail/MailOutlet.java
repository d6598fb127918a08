package io.postroom.channel.mail;

import io.postroom.api.Outcome;
import java.time.Instant;
import java.util.UUID;

/** Where finished mails go: a server or a folder. Thread-safe. */
interface MailOutlet extends AutoCloseable {
    /** @param id the message's, {@code createdAt} likewise: both go into the mail, so that a repeat is the same one */
    Outcome deliver(Mail mail, UUID id, Instant createdAt) throws InterruptedException;

    @Override
    void close();
}
