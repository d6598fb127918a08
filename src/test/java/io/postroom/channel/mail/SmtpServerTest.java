package io.postroom.channel.mail;

import static io.postroom.channel.mail.ScriptedSmtpServer.DROP;
import static io.postroom.channel.mail.ScriptedSmtpServer.HANG;
import static io.postroom.channel.mail.ScriptedSmtpServer.RESET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsVerdict;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SmtpServerTest {
    private static final Duration SOON = Duration.ofMillis(300);
    private static final Duration PARKED = Duration.ofSeconds(30);

    private final AtomicLong nanoTime = new AtomicLong(System.nanoTime());
    private ScriptedSmtpServer scripted;
    private SmtpServer server;

    @BeforeEach
    void start() throws IOException {
        scripted = new ScriptedSmtpServer();
        server = open(scripted.settings());
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
        scripted.close();
    }

    // ---- what the answers become

    @Test
    void a_mail_the_server_takes_is_done() throws Exception {
        assertThat(send(mail())).isEqualTo(Outcome.done());

        assertThat(scripted.commands(0))
                .containsExactly(
                        "EHLO example.org",
                        "MAIL FROM:<tickets@example.org>",
                        "RCPT TO:<ann@example.org>",
                        "DATA",
                        ".");
    }

    @Test
    void a_421_greeting_parks_the_server_and_the_next_mails_do_not_knock() throws Exception {
        scripted.answer("GREETING", "421 too many connections");

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
        nanoTime.addAndGet(Duration.ofSeconds(10).toNanos());
        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", Duration.ofSeconds(20)));
        assertThat(scripted.connections()).isEqualTo(1);

        nanoTime.addAndGet(Duration.ofSeconds(20).toNanos());
        assertThat(send(mail())).isEqualTo(Outcome.done());
        assertThat(scripted.connections()).isEqualTo(2);
    }

    @Test
    void a_test_connects_sends_no_mail_and_parks_nothing() throws Exception {
        assertThat(server.test().ok()).isTrue();
        assertThat(scripted.commands(0)).doesNotContain("DATA").noneMatch(command -> command.startsWith("MAIL"));

        scripted.answer("GREETING", "421 too many connections");
        SettingsVerdict verdict = server.test();
        assertThat(verdict.ok()).isFalse();
        assertThat(verdict.text()).contains("127.0.0.1:").contains("too many connections");
        assertThat(send(mail())).isEqualTo(Outcome.done());
    }

    @Test
    void a_server_that_is_not_there_takes_nothing_now() throws Exception {
        int port;
        try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            port = closed.getLocalPort();
        }
        use(scripted.settings().port(port));

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
    }

    @Test
    void a_4xx_before_a_recipient_was_named_parks() throws Exception {
        scripted.answer("MAIL", "451 try again later");

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
        assertThat(send(mail())).isInstanceOf(Outcome.NotNow.class);
        assertThat(scripted.count("MAIL")).isEqualTo(1);
        assertThat(scripted.count("RCPT")).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"454 temporary authentication failure", "535 wrong password"})
    void a_refused_login_is_no_mails_fault(String answer) throws Exception {
        use(scripted.settings().login("app", "secret"));
        scripted.answer("EHLO", "250-scripted\r\n250 AUTH PLAIN").answer("AUTH", answer);

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
        assertThat(scripted.count("MAIL")).isZero();
    }

    @Test
    void a_sender_that_is_asked_to_log_in_parks_instead_of_rejecting_mails() throws Exception {
        scripted.answer("MAIL", "530 5.7.0 authentication required");

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
    }

    @Test
    void a_sender_refused_for_good_is_a_reject() throws Exception {
        scripted.answer("MAIL", "550 5.7.1 sender not allowed");

        assertThat(send(mail())).isEqualTo(Outcome.reject("MAIL: 550 5.7.1 sender not allowed"));
    }

    @Test
    void a_4xx_for_the_recipient_is_a_retry_and_others_are_still_served() throws Exception {
        scripted.answer("RCPT", "450 4.2.0 greylisted");

        assertThat(send(mail())).isEqualTo(Outcome.retry("RCPT TO:<ann@example.org>: 450 4.2.0 greylisted"));
        assertThat(scripted.count("DATA")).isZero();
        assertThat(send(mail())).isEqualTo(Outcome.done());
        assertThat(scripted.connections()).isEqualTo(1);
    }

    @Test
    void a_5xx_for_the_recipient_is_a_reject() throws Exception {
        scripted.answer("RCPT", "550 5.1.1 no such user");

        assertThat(send(mail())).isEqualTo(Outcome.reject("RCPT TO:<ann@example.org>: 550 5.1.1 no such user"));
        assertThat(scripted.count("DATA")).isZero();
        assertThat(scripted.mails()).isEmpty();
    }

    @Test
    void a_full_mailbox_is_a_retry() throws Exception {
        scripted.answer("RCPT", "552 5.2.2 mailbox full");

        assertThat(send(mail())).isInstanceOf(Outcome.Retry.class);
    }

    @Test
    void recipients_are_taken_all_or_none() throws Exception {
        Mail three = mail().cc("bob@example.org").bcc("eve@example.org");

        scripted.answer("RCPT", "250 ok", "450 later", "550 never");
        assertThat(send(three))
                .isEqualTo(
                        Outcome.reject("RCPT TO:<bob@example.org>: 450 later; RCPT TO:<eve@example.org>: 550 never"));

        scripted.answer("RCPT", "250 ok", "450 later", "250 ok");
        assertThat(send(three)).isEqualTo(Outcome.retry("RCPT TO:<bob@example.org>: 450 later"));

        // Twice: on a connection used before it may only mean that it was open for long enough.
        scripted.answer("RCPT", "550 never", "421 going away", "421 gone", "550 never", "421 going away", "421 gone");
        assertThat(send(three)).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));

        assertThat(scripted.count("DATA")).isZero();
    }

    @Test
    void an_address_named_twice_gets_one_mail() throws Exception {
        send(mail().cc("Ann <ann@example.org>"));

        assertThat(scripted.count("RCPT")).isEqualTo(1);
    }

    @Test
    void a_mailbox_in_several_spellings_of_its_domain_gets_one_mail() throws Exception {
        Mail mail = Mail.to("g@x.example", "g@X.EXAMPLE", "G <g@X.example>", "g@bücher.example")
                .cc("g@BÜCHER.example")
                .bcc("g@XN--BCHER-KVA.example")
                .text("hello");

        assertThat(send(mail)).isEqualTo(Outcome.done());

        assertThat(scripted.commands(0))
                .contains("RCPT TO:<g@x.example>", "RCPT TO:<g@xn--bcher-kva.example>")
                .hasSize(6);
    }

    @Test
    void two_domains_that_older_rules_took_for_one_get_a_mail_each() throws Exception {
        assertThat(send(mail().cc("g@straße.example").cc("g@strasse.example"))).isEqualTo(Outcome.done());

        assertThat(scripted.commands(0)).contains("RCPT TO:<g@xn--strae-oqa.example>", "RCPT TO:<g@strasse.example>");
    }

    @Test
    void the_answer_to_the_end_of_the_mail_decides() throws Exception {
        scripted.answer(".", "451 4.3.0 scanner busy", "554 5.7.1 looks like spam", "421 going away");

        assertThat(send(mail())).isEqualTo(Outcome.retry("end of DATA: 451 4.3.0 scanner busy"));
        assertThat(send(mail())).isEqualTo(Outcome.reject("end of DATA: 554 5.7.1 looks like spam"));
        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
    }

    /**
     * The library sends RSET after a refusal. If that gets no answer, because the server closes or is stuck, the library's exception tells
     * of the connection alone, and the refusal is lost.
     */
    @ParameterizedTest
    @ValueSource(strings = {DROP, HANG, RESET})
    void an_answer_to_the_mail_counts_even_if_the_server_says_no_more(String afterwards) throws Exception {
        use(scripted.settings().timeouts(SOON, SOON, SOON));
        scripted.answer(".", "451 4.3.0 scanner busy", "554 5.7.1 looks like spam", "421 4.3.2 going away")
                .answer("RSET", afterwards, afterwards, afterwards);

        assertThat(send(mail())).isEqualTo(Outcome.retry("end of DATA: 451 4.3.0 scanner busy"));
        assertThat(send(mail())).isEqualTo(Outcome.reject("end of DATA: 554 5.7.1 looks like spam"));
        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
        assertThat(scripted.mails()).hasSize(3);
    }

    @Test
    void a_421_that_is_there_before_the_mail_has_ended_counts() throws Exception {
        scripted.answer("DATA", "354 go ahead\r\n421 4.3.2 going away");

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
    }

    @Test
    void a_421_behind_the_answer_to_the_mail_ends_the_connection_and_repeats_nothing() throws Exception {
        scripted.answer(".", "250 ok\r\n421 4.4.2 closing");

        assertThat(send(mail())).isEqualTo(Outcome.done());
        assertThat(send(mail())).isEqualTo(Outcome.done());

        assertThat(scripted.mails()).hasSize(2);
        assertThat(scripted.connections()).isEqualTo(2);
    }

    @Test
    void a_lost_answer_after_the_mail_is_a_retry_with_the_same_mail() throws Exception {
        scripted.answer(".", DROP);
        UUID id = MessageIds.next();
        Instant createdAt = Instant.now();

        assertThat(server.deliver(mail(), id, createdAt, Instant.MAX))
                .isInstanceOfSatisfying(
                        Outcome.Retry.class,
                        retry -> assertThat(retry.reason()).startsWith("127.0.0.1 may have taken the mail"));
        assertThat(server.deliver(mail(), id, createdAt, Instant.MAX)).isEqualTo(Outcome.done());

        assertThat(scripted.mails()).hasSize(2);
        assertThat(scripted.mails().get(1)).isEqualTo(scripted.mails().get(0));
        assertThat(new String(scripted.mails().get(0))).contains("\r\nMessage-ID: <" + id + "@example.org>\r\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"GREETING", "EHLO", "MAIL", "RCPT", "DATA"})
    void a_server_that_hangs_before_the_mail_takes_nothing_now(String verb) throws Exception {
        use(scripted.settings().timeouts(SOON, SOON, SOON));
        scripted.answer(verb, HANG);

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
    }

    @Test
    void a_server_that_hangs_after_the_mail_may_have_taken_it() throws Exception {
        use(scripted.settings().timeouts(SOON, SOON, SOON));
        scripted.answer(".", HANG);

        assertThat(send(mail())).isInstanceOf(Outcome.Retry.class);
        assertThat(send(mail())).isEqualTo(Outcome.done());
    }

    @ParameterizedTest
    @ValueSource(strings = {"RCPT", "DATA"})
    void a_recipient_that_makes_the_server_hang_up_does_not_park_it(String verb) throws Exception {
        scripted.answer(verb, DROP);

        assertThat(send(mail())).isInstanceOf(Outcome.Retry.class);
        assertThat(send(mail())).isEqualTo(Outcome.done());
    }

    @Test
    void a_server_without_STARTTLS_gets_neither_password_nor_mail() throws Exception {
        use(scripted.settings().login("app", "secret").encryption(MailSettings.Encryption.START_TLS));
        scripted.answer("EHLO", "250-scripted\r\n250 AUTH PLAIN LOGIN");

        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
        assertThat(scripted.commands(0)).noneMatch(command -> command.startsWith("AUTH") || command.startsWith("MAIL"));
    }

    // ---- connections

    @Test
    void a_connection_is_used_again_after_it_answered_NOOP() throws Exception {
        for (int i = 0; i < 5; i++) {
            assertThat(send(mail())).isEqualTo(Outcome.done());
        }

        assertThat(scripted.connections()).isEqualTo(1);
        assertThat(scripted.count("NOOP")).isEqualTo(4);
    }

    @Test
    void a_connection_carries_so_many_mails_and_no_more() throws Exception {
        use(scripted.settings().mailsPerConnection(2));

        for (int i = 0; i < 5; i++) {
            send(mail());
        }

        assertThat(scripted.connections()).isEqualTo(3);
    }

    @Test
    void an_old_connection_is_not_used_again() throws Exception {
        use(scripted.settings().connectionMaxAge(Duration.ofMillis(1)));

        send(mail());
        send(mail());

        assertThat(scripted.connections()).isEqualTo(2);
    }

    @Test
    void a_connection_the_server_has_closed_is_replaced() throws Exception {
        send(mail());
        scripted.cutConnections();

        assertThat(send(mail())).isEqualTo(Outcome.done());
        assertThat(scripted.connections()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {DROP, "421 4.4.2 timeout"})
    void a_pooled_connection_that_breaks_before_the_mail_is_replaced_once(String answer) throws Exception {
        send(mail());
        scripted.answer("MAIL", answer);
        assertThat(send(mail())).isEqualTo(Outcome.done());
        assertThat(scripted.connections()).isEqualTo(2);
        assertThat(scripted.mails()).hasSize(2);

        scripted.answer("MAIL", answer, answer, "250 never asked");
        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
        assertThat(scripted.connections()).isEqualTo(3);
    }

    @Test
    void a_mail_that_may_have_been_taken_is_not_sent_again_at_once() throws Exception {
        send(mail());
        scripted.answer(".", DROP);

        assertThat(send(mail())).isInstanceOf(Outcome.Retry.class);
        assertThat(scripted.mails()).hasSize(2);
    }

    @Test
    void many_threads_share_few_connections_and_none_is_used_by_two_at_a_time() throws Exception {
        use(scripted.settings().poolSize(3));
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<Outcome>> outcomes = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            outcomes.add(threads.submit(() -> send(mail())));
        }
        for (Future<Outcome> outcome : outcomes) {
            assertThat(outcome.get(30, TimeUnit.SECONDS)).isEqualTo(Outcome.done());
        }
        threads.shutdown();

        assertThat(scripted.connections()).isBetween(1, 3);
        assertThat(scripted.mails()).hasSize(100);
        for (int i = 0; i < scripted.connections(); i++) {
            String dialogue = String.join(" ", verbs(scripted.commands(i)));
            assertThat(dialogue).matches("EHLO( NOOP)? MAIL RCPT DATA \\.( NOOP MAIL RCPT DATA \\.)*");
        }
    }

    @Test
    void a_mail_that_finds_all_connections_busy_comes_back_soon() throws Exception {
        server.close();
        server = new SmtpServer(scripted.settings().poolSize(1), SOON, nanoTime::get, InetAddress::getAllByName);
        scripted.answer(".", HANG);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<Outcome> slow = thread.submit(() -> send(mail()));
        await().until(() -> scripted.count(".") == 1);

        assertThat(send(mail()))
                .isEqualTo(Outcome.snooze(Duration.ofSeconds(1), "all 1 connections to 127.0.0.1 are busy"));
        scripted.cutConnections();
        assertThat(slow.get(30, TimeUnit.SECONDS)).isInstanceOf(Outcome.Retry.class);
        assertThat(send(mail())).isEqualTo(Outcome.done());
        thread.shutdown();
    }

    @Test
    void wait_for_a_busy_connection_ends_with_the_attempt() throws Exception {
        server.close();
        server = new SmtpServer(
                scripted.settings().poolSize(1), Duration.ofMinutes(5), nanoTime::get, InetAddress::getAllByName);
        scripted.answer(".", HANG);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<Outcome> slow = thread.submit(() -> send(mail()));
        await().until(() -> scripted.count(".") == 1);

        assertThat(server.deliver(
                        mail(), MessageIds.next(), Instant.now(), Instant.now().plus(SOON)))
                .isInstanceOf(Outcome.Snooze.class);
        scripted.cutConnections();
        assertThat(slow.get(30, TimeUnit.SECONDS)).isInstanceOf(Outcome.Retry.class);
        thread.shutdown();
    }

    @Test
    void look_up_that_hangs_ends_with_the_attempt_or_the_time_to_connect() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        server.close();
        server = new SmtpServer(
                scripted.settings().timeouts(SOON, SOON, SOON).parkFor(PARKED),
                Duration.ofSeconds(10),
                nanoTime::get,
                host -> {
                    try {
                        never.await();
                    } catch (InterruptedException stop) {
                        Thread.currentThread().interrupt();
                    }
                    return new InetAddress[0];
                });
        assertThat(server.deliver(
                        mail(), MessageIds.next(), Instant.now(), Instant.now().plus(SOON)))
                .isInstanceOfSatisfying(
                        Outcome.Retry.class,
                        retry -> assertThat(retry.reason()).contains("127.0.0.1 was not looked up in time"));
        assertThat(server.test().text()).contains("was not looked up in time");
        assertThat(send(mail())).isEqualTo(Outcome.notNow("127.0.0.1", PARKED));
        assertThat(scripted.connections()).isZero();
    }

    // ----

    private static Mail mail() {
        return Mail.to("Ann Lee <ann@example.org>").subject("Your order").text("Thank you.");
    }

    private Outcome send(Mail mail) throws InterruptedException {
        return server.deliver(mail, MessageIds.next(), Instant.now(), Instant.MAX);
    }

    private void use(MailSettings settings) {
        server.close();
        server = open(settings);
    }

    private SmtpServer open(MailSettings settings) {
        return new SmtpServer(
                settings.parkFor(PARKED), Duration.ofSeconds(10), nanoTime::get, InetAddress::getAllByName);
    }

    private static List<String> verbs(List<String> commands) {
        return commands.stream().map(command -> command.split("[ :]", 2)[0]).toList();
    }
}
