package io.postroom.internal.mailboxes;

import io.postroom.api.EntrySecrets;
import io.postroom.api.PostroomException;
import io.postroom.api.SettingsEntry;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.loop.Backoff;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.storage.MailboxStore;
import io.postroom.internal.storage.MailboxStore.Reader;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that reads one mailbox for as long as it holds the lease, and waits for the lease otherwise. The lease ends 30 s after its
 * last extension, so another process takes over from one that died.
 */
final class MailboxLoop {
    private static final Logger log = LoggerFactory.getLogger(MailboxLoop.class);
    private static final Duration LEASE = Duration.ofSeconds(30);
    private static final Duration EXTENDED_EACH = Duration.ofSeconds(10);
    private static final Duration STANDBY = Duration.ofSeconds(5);
    private static final Duration FIRST_WAIT = Duration.ofSeconds(1);
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);
    private static final Duration FIRST_WAIT_FOR_LOGIN = Duration.ofSeconds(30);
    private static final Duration LONGEST_WAIT_FOR_LOGIN = Duration.ofMinutes(10);

    private final SettingsEntry settings;
    private final MailboxEntry entry;
    private final MailboxStore store;
    private final ImportedMessages messages;
    private final EntrySecrets secrets;
    private final ScheduledExecutorService timer;
    private final Reader reader;
    private final Loop loop;
    private final Backoff backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);
    private final Backoff loginBackoff = new Backoff(FIRST_WAIT_FOR_LOGIN, LONGEST_WAIT_FOR_LOGIN);
    private final RepeatedWarning warning = new RepeatedWarning();
    private boolean wasRead;
    private volatile boolean isHeld;
    private volatile long heldUntilNanos;
    private volatile CutSockets sockets = new CutSockets();

    MailboxLoop(
            SettingsEntry settings,
            MailboxStore store,
            ImportedMessages messages,
            EntrySecrets secrets,
            String worker,
            ScheduledExecutorService timer) {
        this.settings = settings;
        this.entry = MailboxEntry.of(settings);
        this.store = store;
        this.messages = new PatientMessages(messages);
        this.secrets = secrets;
        this.timer = timer;
        this.reader = new Reader(settings.name(), UUID.randomUUID(), worker);
        this.loop = new Loop("postroom-mailbox-" + settings.name(), true, this::step);
    }

    SettingsEntry settings() {
        return settings;
    }

    void start() {
        loop.start();
    }

    /** Ends the thread soon: whatever waits for the mail server fails at once. */
    void stop() {
        loop.stop();
        sockets.cut();
    }

    void join(Duration longest) {
        loop.join(longest);
    }

    private boolean mayGoOn() {
        return isHeld && !loop.isStopped();
    }

    private void step() {
        if (!hold()) {
            loop.pause(STANDBY);
            return;
        }
        Future<?> extended = timer.scheduleWithFixedDelay(
                this::extend, EXTENDED_EACH.toMillis(), EXTENDED_EACH.toMillis(), TimeUnit.MILLISECONDS);
        Duration wait = Duration.ZERO;
        try {
            readWhileHeld();
        } catch (MailboxException failed) {
            failed(String.valueOf(failed.getMessage()), failed);
            if (failed.isLogin()) {
                loop.pause(loginBackoff.next()); // under the lease: no other process tries to log in meanwhile
            } else {
                wait = backoff.next();
            }
        } catch (PostroomException failed) { // the queue is full, the database is away, the secret is not found
            wait = backoff.next();
            failed(String.valueOf(failed.getMessage()), failed);
        } catch (RuntimeException failed) { // of an interceptor
            wait = backoff.next();
            failed(MailText.line(failed.toString(), 1_000), failed);
        } finally {
            extended.cancel(false);
            letGo();
        }
        loop.pause(wait);
    }

    private void readWhileHeld() throws MailboxException {
        do {
            String secret = secrets.find(settings).orElse("");
            CutSockets own = new CutSockets();
            sockets = own;
            if (!mayGoOn()) {
                return; // a stop that came before would have cut the sockets before these
            }
            try (OpenMailbox open = MailboxOpener.open(entry, secret, false, own)) {
                MailServer.prepareThread();
                MailboxReading reading = new MailboxReading(entry, open, store, messages, reader, () -> !mayGoOn());
                while (true) {
                    if (!reading.readAll()) {
                        return;
                    }
                    reading.report();
                    works();
                    if (!open.isLasting()) {
                        break;
                    }
                    await(open);
                    if (!mayGoOn()) {
                        return;
                    }
                }
            }
            loop.pause(entry.every());
        } while (mayGoOn());
    }

    /**
     * Waits for new mails, at most for the interval, also with IDLE: a connection that is dead says nothing. The server may have told of a
     * mail between the last look and the wait, so that is asked each second.
     */
    private void await(OpenMailbox open) throws MailboxException {
        if (!open.canIdle()) {
            loop.pause(entry.every());
            return;
        }
        long until = System.nanoTime() + entry.every().toNanos();
        Future<?> woken =
                timer.scheduleWithFixedDelay(() -> open.wake(System.nanoTime() - until >= 0), 1, 1, TimeUnit.SECONDS);
        try {
            open.idle();
        } finally {
            woken.cancel(false);
        }
    }

    private boolean hold() {
        long now = System.nanoTime(); // before the statement: the database's clock begins later
        boolean held = store.hold(reader);
        if (held) {
            heldUntilNanos = now + LEASE.toNanos();
            isHeld = true;
        }
        return held;
    }

    /** Not beside {@link #letGo}: it would take the lease again that was just released. */
    private synchronized void extend() {
        try {
            if (isHeld && !hold()) {
                lose();
            }
        } catch (RuntimeException away) {
            if (System.nanoTime() - heldUntilNanos > 0) {
                lose();
            }
        }
    }

    private void lose() {
        isHeld = false;
        sockets.cut();
    }

    private synchronized void letGo() {
        isHeld = false;
        try {
            store.release(reader);
        } catch (RuntimeException away) {
            log.debug("The lease of mailbox {} ends by itself", entry.name(), away);
        }
    }

    private void works() {
        backoff.reset();
        loginBackoff.reset();
        if (!wasRead || warning.times() > 0) {
            log.info("Mailbox {} is read: {}", entry.name(), entry.source());
        }
        wasRead = true;
        warning.reset();
    }

    private void failed(String why, Exception failed) {
        if (loop.isStopped()) {
            log.debug("Mailbox {} failed while stopping", entry.name(), failed);
            return;
        }
        if (warning.isDue()) {
            log.warn("Mailbox {} cannot be read: {}", entry.name(), why);
        } else {
            log.debug("Mailbox {} cannot be read", entry.name(), failed);
        }
        try {
            store.report(reader, why);
        } catch (PostroomException away) {
            log.debug("The failure of mailbox {} was not noted", entry.name(), away);
        }
    }
}
