package io.postroom.internal.mailboxes;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import java.time.Duration;
import java.util.Optional;

/** Checks entries of the channel mailbox. A test logs in and opens the folder without the right to write. Thread-safe. */
public final class MailboxCheck implements SettingsCheck {
    @Override
    public String channel() {
        return MailboxEntry.CHANNEL;
    }

    @Override
    public void require(SettingsEntry entry) {
        MailboxEntry.of(entry);
    }

    @Override
    public SettingsVerdict test(SettingsEntry entry, Optional<String> secret) {
        long began = System.nanoTime();
        String text;
        boolean ok = false;
        try {
            MailboxEntry checked = MailboxEntry.of(entry);
            try (OpenMailbox open = MailboxOpener.open(checked, secret.orElse(""), true, new CutSockets())) {
                text = checked.source() + ": " + open.count() + " mails are there";
                ok = true;
            }
        } catch (InvalidMessageException | MailboxException failed) {
            text = String.valueOf(failed.getMessage());
        }
        return new SettingsVerdict(ok, text, Duration.ofNanos(System.nanoTime() - began));
    }
}
