package io.postroom.internal.mailboxes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.MessageIds;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoreException;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.MailboxStore;
import io.postroom.internal.storage.MailboxStore.Reader;
import io.postroom.internal.storage.NewMessage;
import io.postroom.testing.MailHost;
import io.postroom.testing.PostgresTest;
import jakarta.mail.Flags;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Steps of several readers of one mailbox, which a fast machine would seldom show. */
@PostgresTest
@Timeout(60)
class MailboxReadingTest {
    private final MailboxStore store;
    private final JdbcClient sql;
    private final MailHost host = new MailHost();
    private final Reader first = new Reader("support", UUID.randomUUID(), "first");
    private final Reader second = new Reader("support", UUID.randomUUID(), "second");

    MailboxReadingTest(DataSource pool) {
        store = PostgresStores.on(pool).mailboxes();
        sql = JdbcClient.create(pool);
    }

    @BeforeEach
    void clear() {
        sql.sql("DELETE FROM postroom.mailbox").update();
        sql.sql("DELETE FROM postroom.received_mail").update();
    }

    @AfterEach
    void close() {
        host.close();
    }

    /** What a process creates, and what it does in its transaction. */
    private static class Creator implements ImportedMessages {
        final List<String> created = new ArrayList<>();
        private String encoded = "";
        Runnable inTransaction = () -> {};

        @Override
        public NewMessage encode(CreateMessage message) {
            encoded = message.headers().get("mail-message-id");
            return new NewMessage(
                    MessageIds.next(),
                    false,
                    1,
                    "q",
                    4,
                    null,
                    null,
                    null,
                    null,
                    null,
                    message.deduplication(),
                    null,
                    null);
        }

        @Override
        public Runnable create(List<NewMessage> messages, Connection connection) {
            inTransaction.run();
            created.add(encoded);
            return () -> {};
        }
    }

    private MailboxEntry entry(boolean pop3) {
        return MailboxEntry.of(SettingsEntry.of("support", "mailbox")
                .endpoint(pop3 ? "pop3://127.0.0.1:" + host.pop3Port() : "imap://127.0.0.1:" + host.imapPort())
                .secret("env:P")
                .property("user", MailHost.USER)
                .property("queue", "q")
                .property("existing", "all") // else a mail that another reader has marked would be left alone
                .property("after", pop3 ? "delete" : "seen"));
    }

    private OpenMailbox open(boolean pop3) throws MailboxException {
        return MailboxOpener.open(entry(pop3), MailHost.PASSWORD, false, new CutSockets());
    }

    private MailboxReading reading(OpenMailbox open, Reader reader, Creator creator, boolean pop3)
            throws MailboxException {
        return new MailboxReading(entry(pop3), open, store, creator, reader, () -> false);
    }

    private boolean readAll(Reader reader, Creator creator, boolean pop3) throws MailboxException {
        try (OpenMailbox open = open(pop3)) {
            return reading(open, reader, creator, pop3).readAll();
        }
    }

    /** A mailbox whose connection is lost at one of its calls. */
    private static OpenMailbox losing(OpenMailbox open, String call) {
        return (OpenMailbox) Proxy.newProxyInstance(
                OpenMailbox.class.getClassLoader(), new Class<?>[] {OpenMailbox.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals(call)) {
                        open.abort();
                    }
                    try {
                        return method.invoke(open, arguments);
                    } catch (InvocationTargetException failed) {
                        throw failed.getCause();
                    }
                });
    }

    private boolean isRead(int index) throws Exception {
        return host.inbox().getMessages().get(index).getFlags().contains(Flags.Flag.SEEN);
    }

    @Test
    void mail_waits_for_a_queue_that_moves_to_another_home() throws Exception {
        host.deliver("a1", "first", "hello");
        Creator creator = new Creator();
        creator.inTransaction = () -> {
            throw new StoreException("queue \"q\" has moved to home \"b\"", StoreException.Kind.REFUSED, "PR421", null);
        };
        assertThat(store.hold(first)).isTrue();
        assertThatThrownBy(() -> readAll(first, creator, false)).hasMessageContaining("has moved");
        assertThat(isRead(0)).isFalse();
        creator.inTransaction = () -> {};
        assertThat(readAll(first, creator, false)).isTrue();
        assertThat(creator.created).hasSize(1);
    }

    @Test
    void death_between_commit_and_mark_makes_no_mail_twice_and_marks_it_later() throws Exception {
        host.deliver("a1", "first", "hello");
        Creator dying = new Creator();
        assertThat(store.hold(first)).isTrue();
        try (OpenMailbox open = open(false)) {
            MailboxReading reading = reading(losing(open, "mark"), first, dying, false);
            assertThatThrownBy(reading::readAll).isInstanceOf(MailboxException.class);
        }
        assertThat(dying.created).containsExactly("a1");
        assertThat(isRead(0)).isFalse();
        store.release(first);

        Creator next = new Creator();
        host.deliver("a2", "second", "hello");
        assertThat(store.hold(second)).isTrue();
        assertThat(readAll(second, next, false)).isTrue();

        assertThat(next.created).containsExactly("a2");
        assertThat(isRead(0)).isTrue();
        assertThat(isRead(1)).isTrue();
    }

    @Test
    void death_before_the_commit_leaves_the_mail_for_the_next_reader() throws Exception {
        host.deliver("a1", "first", "hello");
        Creator dying = new Creator();
        dying.inTransaction = () -> {
            throw new IllegalStateException("dies");
        };
        store.hold(first);
        assertThatThrownBy(() -> readAll(first, dying, false)).hasMessageContaining("dies");
        assertThat(isRead(0)).isFalse();
        store.release(first);

        Creator next = new Creator();
        store.hold(second);
        readAll(second, next, false);

        assertThat(next.created).containsExactly("a1");
        assertThat(isRead(0)).isTrue();
    }

    @Test
    void suspended_reader_creates_nothing_once_another_one_holds_the_lease() throws Exception {
        Creator suspended = new Creator();
        Creator next = new Creator();
        host.deliver("a1", "first", "hello");
        store.hold(first);
        assertThat(store.hold(second)).as("the lease is held").isFalse();
        try (OpenMailbox open = open(false)) {
            MailboxReading reading = reading(open, first, suspended, false); // it is suspended here
            sql.sql("UPDATE postroom.mailbox SET held_until = clock_timestamp() - interval '1 second'")
                    .update();
            assertThat(store.hold(second)).isTrue();

            assertThat(reading.readAll()).isFalse();
            assertThat(suspended.created).isEmpty();
            store.report(first, "");
            assertThat(store.list().get(0).readAt()).isEmpty();
        }
        assertThat(readAll(second, next, false)).isTrue();
        assertThat(next.created).containsExactly("a1");
        store.release(first);
        assertThat(store.list().get(0).isHeld())
                .as("another reader's lease stays")
                .isTrue();
    }

    @Test
    void mail_seen_by_two_readers_is_made_by_one() throws Exception {
        Creator suspended = new Creator();
        Creator next = new Creator();
        host.deliver("a1", "first", "hello");
        store.hold(first);
        try (OpenMailbox open = open(false)) {
            MailboxReading old = reading(open, first, suspended, false);
            store.release(first);
            store.hold(second);
            readAll(second, next, false);
            store.release(second);
            store.hold(first); // it awakes and holds the lease again, with an old position

            assertThat(old.readAll()).isTrue();
        }

        assertThat(next.created).containsExactly("a1");
        assertThat(suspended.created).isEmpty();
    }

    @Test
    void pop3_deletion_that_failed_is_repeated_and_makes_no_mail_twice() throws Exception {
        host.deliver("a1", "first", "hello");
        Creator dying = new Creator();
        store.hold(first);
        OpenMailbox open = open(true);
        reading(open, first, dying, true).readAll();
        open.abort(); // before QUIT, which deletes
        open.close();
        assertThat(dying.created).containsExactly("a1");

        Creator next = new Creator();
        readAll(first, next, true);

        assertThat(next.created).isEmpty();
        assertThat(host.inbox().getMessageCount()).isZero();
    }

    @Test
    void lease_of_a_clock_that_was_ahead_is_free() {
        store.hold(first);
        sql.sql("UPDATE postroom.mailbox SET held_until = clock_timestamp() + interval '1 year'")
                .update();

        assertThat(store.hold(second)).isTrue();
    }
}
