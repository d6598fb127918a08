package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.icegreen.greenmail.store.MailFolder;
import io.postroom.Postroom;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Mailbox;
import io.postroom.api.Outcome;
import io.postroom.api.Overflow;
import io.postroom.api.QueueSettings;
import io.postroom.api.ReceivedMail;
import io.postroom.api.RejectedMail;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.MailHost;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import jakarta.mail.Flags;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Mails of a mailbox that become messages. */
@PostgresTest
@Timeout(120)
class MailboxTest {
    private static final Duration SOON = Duration.ofSeconds(60);

    private final TestDatabase database;
    private final JdbcClient sql;
    private final Map<String, String> secrets = new ConcurrentHashMap<>(Map.of("mail.password", MailHost.PASSWORD));
    private final Queue<ReceivedMail> handled = new ConcurrentLinkedQueue<>();
    private final List<Postroom> postrooms = new ArrayList<>();
    private MailHost host;

    MailboxTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
    }

    @BeforeEach
    void startHost() {
        host = new MailHost();
        sql.sql("DELETE FROM postroom.settings").update();
        sql.sql("DELETE FROM postroom.mailbox").update();
        sql.sql("DELETE FROM postroom.received_mail").update();
    }

    @AfterEach
    void close() {
        postrooms.forEach(Postroom::close);
        host.close();
    }

    private SettingsEntry imap() {
        return imap(host.imapPort());
    }

    private static SettingsEntry imap(int port) {
        return SettingsEntry.of("support", "mailbox")
                .endpoint("imap://127.0.0.1:" + port)
                .secret("property:mail.password")
                .property("user", MailHost.USER)
                .property("queue", "mails");
    }

    private SettingsEntry pop3() {
        return imap().endpoint("pop3://127.0.0.1:" + host.pop3Port()).property("every", "1s");
    }

    private Postroom start(SettingsEntry... entries) {
        Postroom.Builder builder = Postroom.on(database.pool())
                .secretProperties(secrets::get)
                .handler(Handler.process("mails", ReceivedMail.class, (mail, context) -> {
                    handled.add(mail);
                    return Outcome.done();
                }));
        for (SettingsEntry entry : entries) {
            builder.settingsEntry(entry);
        }
        Postroom started = builder.start();
        if (postrooms.isEmpty()) {
            PostroomKit.of(started).reset();
        }
        postrooms.add(started);
        return started;
    }

    /** Leaves aside what threads of the mail server say of lost connections. */
    private static ConditionFactory awaiting() {
        return Awaitility.await().atMost(SOON).dontCatchUncaughtExceptions();
    }

    private List<String> subjects() {
        return handled.stream().map(ReceivedMail::subject).toList();
    }

    private void awaitSubjects(String... subjects) {
        awaiting().untilAsserted(() -> assertThat(subjects()).containsExactlyInAnyOrder(subjects));
    }

    private Mailbox awaitMailbox(java.util.function.Predicate<Mailbox> holds) {
        return awaiting()
                .until(
                        () -> postrooms.get(0).mailboxes().list().stream()
                                .filter(holds)
                                .findFirst()
                                .orElse(null),
                        mailbox -> mailbox != null);
    }

    private void awaitRead(int mails) {
        awaiting()
                .untilAsserted(() -> assertThat(host.inbox().getMessages())
                        .filteredOn(mail -> mail.getFlags().contains(Flags.Flag.SEEN))
                        .hasSize(mails));
    }

    @Test
    void mail_becomes_a_message_and_is_marked_as_read() throws Exception {
        host.deliver("a1@example.com", "first", "hello");
        start(imap());

        awaitSubjects("first");
        ReceivedMail mail = handled.element();
        assertThat(mail.from()).isEqualTo(new ReceivedMail.Address("Bob", "bob@example.com"));
        assertThat(mail.text()).startsWith("hello");
        assertThat(mail.arrivedAt()).isPresent();
        assertThat(sql.sql("""
                        SELECT m.type || '/' || m.type_version || ' ' || m.direction || ' ' || (c.headers ->> 'mailbox')
                            || ' ' || (c.headers ->> 'mail-message-id')
                        FROM postroom.queue_messages m JOIN postroom.message_content c USING (message_id)
                        """).query(String.class).list())
                .containsExactly("mail.received/1 INCOMING support a1@example.com");
        awaitRead(1);
        Mailbox mailbox = awaitMailbox(one -> one.readAt().isPresent());
        assertThat(mailbox.isHeld()).isTrue();
        assertThat(mailbox.messages()).isEqualTo(1);
        assertThat(mailbox.error()).isEmpty();
        assertThat(mailbox.source()).contains(MailHost.USER).doesNotContain(MailHost.PASSWORD);
    }

    @Test
    void mail_that_arrives_while_the_server_is_waited_for_comes_without_a_look() {
        start(imap().property("every", "1d"));
        awaitMailbox(one -> one.readAt().isPresent());

        host.deliver("a1@example.com", "first", "hello");

        awaitSubjects("first");
    }

    @Test
    void mails_that_arrive_while_others_are_read_come_as_well() {
        start(imap().property("every", "1d")); // no later look finds what was passed over
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            host.deliver("n" + i + "@example.com", "n" + i, "hello");
            expected.add("n" + i);
            awaiting().until(() -> subjects().size() >= expected.size() / 2);
        }

        awaitSubjects(expected.toArray(new String[0]));
    }

    @Test
    void without_idle_the_folder_is_looked_into_each_interval() throws Exception {
        start(imap().property("idle", "false").property("every", "1s"));
        awaitMailbox(one -> one.readAt().isPresent());

        host.deliver("a1@example.com", "first", "hello");

        awaitSubjects("first");
        awaitRead(1);
    }

    @Test
    void mails_that_were_read_before_the_first_look_are_left_alone_unless_all_are_wanted() throws Exception {
        host.deliverRead(MailHost.plain("a1@example.com", "read", "hello"));
        host.deliver("a2@example.com", "unread", "hello");
        Postroom first = start(imap());
        awaitSubjects("unread");
        awaitMailbox(one -> one.readAt().isPresent());
        host.deliverRead(MailHost.plain("a3@example.com", "read by a person meanwhile", "hello"));
        awaitSubjects("unread", "read by a person meanwhile");

        first.settings()
                .set(imap().property("existing", "all")
                        .property("folder", "INBOX")
                        .property("x-note", "again"));
        host.deliver("a4@example.com", "later", "hello");

        awaitSubjects("unread", "read by a person meanwhile", "later");
    }

    @Test
    void lost_server_is_reported_and_nothing_is_lost() throws Exception {
        try (TcpProxy proxy = TcpProxy.to("127.0.0.1", host.imapPort())) {
            start(imap(proxy.port()));
            awaitMailbox(one -> one.readAt().isPresent());
            proxy.refuseNew();
            proxy.cutAll();
            host.deliver("a1@example.com", "while it was away", "hello");
            Mailbox failing = awaitMailbox(one -> !one.error().isEmpty());
            assertThat(failing.failingSince()).isPresent();
            assertThat(failing.error()).contains("127.0.0.1:" + proxy.port());

            proxy.resume();

            awaitSubjects("while it was away");
            awaitMailbox(one -> one.error().isEmpty() && one.failingSince().isEmpty());
        }
    }

    @Test
    void entry_with_a_wrong_password_can_be_corrected_at_run_time() {
        secrets.put("wrong", "another");
        host.deliver("a1@example.com", "first", "hello");
        Postroom started = start(imap().secret("property:wrong"));
        Mailbox failing = awaitMailbox(one -> !one.error().isEmpty());
        assertThat(failing.error()).contains("login as " + MailHost.USER).doesNotContain("another");

        started.settings().set(imap());

        awaitSubjects("first");
    }

    @Test
    void secret_that_is_not_found_is_reported() {
        start(imap().secret("property:nowhere"));

        assertThat(awaitMailbox(one -> !one.error().isEmpty()).error()).contains("the property nowhere is not set");
    }

    @Test
    void test_logs_in_and_changes_nothing() throws Exception {
        host.deliver("a1@example.com", "first", "hello");
        Postroom started = Postroom.on(database.pool())
                .secretProperties(secrets::get)
                .workers(false)
                .settingsEntry(imap())
                .start();
        postrooms.add(started);

        SettingsVerdict works = started.settings().test("support").orElseThrow();
        assertThat(works.text()).contains("INBOX: 1 mails");
        assertThat(works.ok()).isTrue();
        assertThat(host.inbox().getUnseenCount()).isEqualTo(1);

        started.settings().set(imap().property("folder", "Nowhere"));
        assertThat(started.settings().test("support").orElseThrow())
                .satisfies(verdict -> assertThat(verdict.ok()).isFalse())
                .satisfies(verdict -> assertThat(verdict.text()).contains("there is no folder Nowhere"));
        secrets.put("mail.password", "another");
        started.settings().set(imap());
        assertThat(started.settings().test("support").orElseThrow().text()).contains("the login as");
        assertThatThrownBy(() -> started.settings()
                        .set(imap().endpoint("imap://mail.example.org").property("plain", "perhaps")))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("properties.plain");
    }

    @Test
    void mail_that_cannot_become_a_message_is_put_aside_and_the_others_go_on() throws Exception {
        host.deliver("big@example.com", "big", "x".repeat(5000));
        host.deliver("a1@example.com", "first", "hello");
        Postroom started = start(imap().property("maxMail", "3000"));

        awaitSubjects("first");
        awaitRead(1);
        List<RejectedMail> rejected = started.mailboxes().rejected("support", 10);
        assertThat(rejected).hasSize(1);
        assertThat(rejected.get(0).error()).contains("at most 3000 are allowed");
        assertThat(awaitMailbox(one -> true).rejected()).isEqualTo(1);
        awaiting()
                .untilAsserted(() -> assertThat(
                                host.inbox().getMessages().get(0).getFlags().getUserFlags())
                        .contains("postroom-rejected"));
    }

    @Test
    void full_queue_makes_the_mailbox_wait() {
        Postroom started = Postroom.on(database.pool())
                .secretProperties(secrets::get)
                .queue(QueueSettings.of("full").maxLength(1, Overflow.REJECT))
                .settingsEntry(imap().property("queue", "full"))
                .start();
        postrooms.add(started);
        PostroomKit.of(started).reset();
        host.deliver("a1@example.com", "first", "hello");
        host.deliver("a2@example.com", "second", "hello");

        assertThat(awaitMailbox(one -> !one.error().isEmpty()).error()).contains("full");
        assertThat(started.queues().purge("full")).isPositive();
        awaiting()
                .untilAsserted(
                        () -> assertThat(awaitMailbox(one -> true).messages()).isEqualTo(2));
    }

    @Test
    void two_processes_make_each_mail_once_and_one_takes_over_from_the_other() {
        Postroom first = start(imap().property("every", "1s"));
        start();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            host.deliver("n" + i + "@example.com", "n" + i, "hello");
            expected.add("n" + i);
        }
        awaitSubjects(expected.toArray(new String[0]));

        first.close();
        host.deliver("last@example.com", "last", "hello");
        expected.add("last");

        awaitSubjects(expected.toArray(new String[0]));
        assertThat(sql.sql("SELECT count(*) FROM postroom.received_mail")
                        .query(Integer.class)
                        .single())
                .isEqualTo(21);
    }

    @Test
    void disabled_entry_is_read_no_more_until_it_is_enabled() {
        Postroom started = start(imap());
        awaitMailbox(one -> one.readAt().isPresent());
        started.settings().set(imap().enabled(false));
        awaitMailbox(one -> !one.isHeld());
        host.deliver("a1@example.com", "first", "hello");

        started.settings().set(imap());

        awaitSubjects("first");
    }

    @Test
    void taken_mails_move_to_another_folder() throws Exception {
        var done = host.folder("Done");
        host.deliver("a1@example.com", "first", "hello");
        start(imap().property("after", "move").property("moveTo", "Done"));

        awaitSubjects("first");
        awaiting().until(() -> done.getMessageCount() == 1 && host.inbox().getMessageCount() == 0);
    }

    @Test
    void missing_folder_to_move_to_is_named() {
        host.deliver("a1@example.com", "first", "hello");
        start(imap().property("after", "move").property("moveTo", "Nowhere"));

        assertThat(awaitMailbox(one -> !one.error().isEmpty()).error()).endsWith("there is no folder Nowhere");
    }

    @Test
    void taken_mails_are_deleted_on_demand() throws Exception {
        host.deliver("a1@example.com", "first", "hello");
        start(imap().property("after", "delete"));

        awaitSubjects("first");
        awaiting()
                .until(() -> host.inbox().getMessages().stream()
                        .allMatch(mail -> mail.getFlags().contains(Flags.Flag.DELETED)));
    }

    @Test
    void rebuilt_folder_makes_no_mail_twice() throws Exception {
        MailFolder folder = host.folder("Support");
        host.deliverTo(folder, MailHost.plain("a1@example.com", "first", "hello"));
        try (TcpProxy proxy = TcpProxy.to("127.0.0.1", host.imapPort())) {
            start(imap(proxy.port()).property("existing", "all").property("folder", "Support"));
            awaitSubjects("first");
            proxy.refuseNew();
            proxy.cutAll();
            host.deliverTo(folder, MailHost.plain("a2@example.com", "second", "hello"));
            long validity = folder.getUidValidity();
            assertThat(host.rebuild(folder).getUidValidity()).isNotEqualTo(validity);

            proxy.resume();

            awaitSubjects("first", "second");
            awaitMailbox(one -> one.error().isEmpty() && one.messages() == 2);
            assertThat(subjects()).hasSize(2);
        }
    }

    @Test
    void pop3_mails_are_taken_once_and_stay() throws Exception {
        host.deliver("a1@example.com", "first", "hello");
        start(pop3());
        awaitSubjects("first");
        host.deliver("a2@example.com", "second", "hello");

        awaitSubjects("first", "second");
        for (int session = 0; session < 2; session++) { // the end of a session is when a POP3 server deletes
            Instant before =
                    awaitMailbox(one -> one.readAt().isPresent()).readAt().orElseThrow();
            awaitMailbox(one -> one.readAt().orElseThrow().isAfter(before));
        }
        assertThat(host.inbox().getMessageCount()).isEqualTo(2);
    }

    @Test
    void pop3_mails_are_deleted_after_they_were_taken_on_demand() {
        host.deliver("big@example.com", "big", "x".repeat(5000));
        host.deliver("a1@example.com", "first", "hello");
        start(pop3().property("after", "delete").property("maxMail", "3000"));

        awaitSubjects("first");
        awaiting()
                .untilAsserted(() -> assertThat(host.inbox().getMessageCount())
                        .as("the one that was put aside")
                        .isEqualTo(1));
    }
}
