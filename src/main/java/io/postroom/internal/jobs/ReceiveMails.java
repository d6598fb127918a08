package io.postroom.internal.jobs;

import io.postroom.internal.mailboxes.MailboxLoops;
import java.time.Duration;

/** Keeps a reader for each mailbox, as the entries of the settings say. Runs on every node with workers. */
public final class ReceiveMails implements Job {
    private static final Duration SECOND = Duration.ofSeconds(1);

    private final MailboxLoops loops;

    public ReceiveMails(MailboxLoops loops) {
        this.loops = loops;
    }

    @Override
    public String name() {
        return "ReceiveMails";
    }

    @Override
    public Duration run() {
        loops.follow();
        return SECOND;
    }
}
