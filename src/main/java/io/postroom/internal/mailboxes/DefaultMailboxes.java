package io.postroom.internal.mailboxes;

import io.postroom.api.Limits;
import io.postroom.api.Mailbox;
import io.postroom.api.Mailboxes;
import io.postroom.api.RejectedMail;
import io.postroom.internal.storage.MailboxStore;
import java.util.List;

/** Lists what the store knows of mailboxes. Thread-safe. */
public final class DefaultMailboxes implements Mailboxes {
    private static final int MOST = 1000;

    private final MailboxStore store;

    public DefaultMailboxes(MailboxStore store) {
        this.store = store;
    }

    @Override
    public List<Mailbox> list() {
        return store.list();
    }

    @Override
    public List<RejectedMail> rejected(String name, int most) {
        return store.rejected(Limits.requireName("name", name), Limits.requireRange("most", most, 1, MOST));
    }
}
