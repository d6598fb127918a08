package io.postroom.channel.mail;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.channel.Channel;
import io.postroom.channel.MissingLibraryException;
import io.postroom.channel.Notification;
import io.postroom.handler.MessageContext;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The channel "mail". Sends by SMTP when the settings name a host, else writes {@code <message-id>.eml} files. Thread-safe; close it after
 * the handlers have ended.
 *
 * <p>Outcomes ({@code SmtpServer} has the whole table):
 *
 * <ul>
 *   <li>{@code done} when the server or the disk has the mail;
 *   <li>{@code retry} for a failure of this mail that may pass;
 *   <li>{@code reject} for a failure that will not pass, and for a mail or address that cannot be sent;
 *   <li>{@code notNow} while the server takes nothing from us.
 * </ul>
 */
public final class MailChannel implements Channel, SettingsCheck, AutoCloseable {
    public static final String NAME = "mail";

    private static final Logger log = LoggerFactory.getLogger(MailChannel.class);

    private final MailSettings settings;
    private final @Nullable MailTemplates templates;
    private final MailOutlet outlet;

    private MailChannel(MailSettings settings, @Nullable MailTemplates templates) {
        requireLibraries(settings);
        this.settings = settings;
        this.templates = templates;
        this.outlet = settings.host().isPresent() ? new SmtpServer(settings) : new MailFiles(settings);
        log.info("Mails go to {}", settings);
    }

    /**
     * Opens a channel for mails that the handlers write themselves.
     *
     * @throws MissingLibraryException without jakarta.mail-api and angus-mail; with a host also without commons-pool2
     */
    public static MailChannel open(MailSettings settings) {
        return new MailChannel(settings, null);
    }

    /** Opens a channel that also takes {@link Notification}s and makes the mail's bodies from these templates. */
    public static MailChannel open(MailSettings settings, MailTemplates templates) {
        return new MailChannel(settings, templates);
    }

    @Override
    public String name() {
        return NAME;
    }

    /**
     * Renders the templates and sends the mail. Rejects an invalid address or subject. A server that has not answered is given up at the
     * deadline of the attempt, where the notification was made in a handler.
     */
    @Override
    public Outcome send(Notification notification) throws InterruptedException {
        if (templates == null) {
            throw new IllegalStateException("This mail channel was opened without templates; open it with some");
        }
        Optional<String> address = notification.address(NAME);
        if (address.isEmpty()) {
            return Outcome.reject("the notification has no address for the channel " + NAME);
        }
        Mail mail;
        try {
            mail = Mail.to(address.get()).subject(notification.subject());
            MailTemplates.Bodies bodies = templates.render(notification.template(), notification.model());
            mail = mail.text(bodies.text()).html(bodies.html());
        } catch (InvalidMessageException e) {
            return reject(e);
        }
        Instant attemptEnd =
                notification.context().map(MessageContext::deadline).orElse(Instant.MAX);
        return send(mail, notification.id(), notification.createdAt(), attemptEnd);
    }

    /** Sends a mail for the message of this handler call. A server that has not answered is given up at the deadline of the attempt. */
    public Outcome send(Mail mail, MessageContext context) throws InterruptedException {
        return send(mail, context.id(), context.createdAt(), context.deadline());
    }

    /**
     * Sends a mail.
     *
     * @param id becomes the Message-ID; the same id is the same mail
     * @param createdAt becomes its date
     */
    public Outcome send(Mail mail, UUID id, Instant createdAt) throws InterruptedException {
        return send(mail, id, createdAt, Instant.MAX);
    }

    private Outcome send(Mail mail, UUID id, Instant createdAt, Instant attemptEnd) throws InterruptedException {
        try {
            mail.requireComplete();
        } catch (InvalidMessageException e) {
            return reject(e);
        }
        return outlet.deliver(mail, id, createdAt, attemptEnd);
    }

    @Override
    public String channel() {
        return NAME;
    }

    /** Takes any entry: where mails go is in the settings of the channel. */
    @Override
    public void require(SettingsEntry entry) {}

    /**
     * Connects to the server of this channel, with its login, or looks whether its folder can be written to. Sends no mail, and parks
     * nothing. What the entry says is not used.
     */
    @Override
    public SettingsVerdict test(SettingsEntry entry, Optional<String> secret) {
        return outlet.test();
    }

    /** Describes the settings that the channel was opened with. */
    public MailSettings settings() {
        return settings;
    }

    @Override
    public void close() {
        outlet.close();
    }

    private static Outcome reject(InvalidMessageException e) {
        return Outcome.reject(String.valueOf(e.getMessage()));
    }

    private static void requireLibraries(MailSettings settings) {
        String user = "The mail channel";
        MissingLibraryException.require(user, "jakarta.mail.Session", "jakarta.mail:jakarta.mail-api");
        // Needed for files, too: the API alone cannot write MIME.
        MissingLibraryException.require(
                user, "org.eclipse.angus.mail.smtp.SMTPTransport", "org.eclipse.angus:angus-mail");
        if (settings.host().isPresent()) {
            MissingLibraryException.require(
                    user, "org.apache.commons.pool2.ObjectPool", "org.apache.commons:commons-pool2");
        }
    }
}
