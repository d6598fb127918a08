package io.postroom.channel.mail;

import static io.postroom.channel.mail.ScriptedSmtpServer.DRIBBLE;
import static io.postroom.channel.mail.ScriptedSmtpServer.FLOOD;
import static io.postroom.channel.mail.ScriptedSmtpServer.HANG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import ch.qos.logback.classic.Level;
import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.channel.Notification;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PlainContext;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a server cannot do to us by its answers, be it broken or hostile. */
class SmtpAnswerTest {
    private static final Duration SOON = Duration.ofMillis(300);
    private static final Duration LONG = Duration.ofMinutes(10);
    /** Far more than any of these takes; a wait for the server would never end. */
    private static final Duration BOUND = Duration.ofSeconds(30);

    private ScriptedSmtpServer scripted;

    @BeforeEach
    void start() throws IOException {
        scripted = new ScriptedSmtpServer();
    }

    @AfterEach
    void stop() throws IOException {
        scripted.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"GREETING", "EHLO", "MAIL", "RCPT", "DATA"})
    void answer_that_comes_byte_by_byte_is_none_in_time(String verb) {
        scripted.answer(verb, DRIBBLE);

        assertThat(send(scripted.settings().timeouts(SOON, SOON, SOON))).isInstanceOf(Outcome.NotNow.class);
    }

    @Test
    void mail_whose_last_answer_comes_byte_by_byte_may_have_been_taken() {
        scripted.answer(".", DRIBBLE);

        assertThat(send(scripted.settings().timeouts(SOON, SOON, SOON)))
                .isInstanceOfSatisfying(
                        Outcome.Retry.class,
                        retry -> assertThat(retry.reason())
                                .isEqualTo("127.0.0.1 may have taken the mail: no answer to end of DATA:"
                                        + " no whole answer within 300 ms"));
    }

    @ParameterizedTest
    @CsvSource({
        "EHLO, NotNow",
        "RCPT, Retry",
        "., Retry",
    })
    void answer_of_lines_without_end_is_cut(String verb, String outcome) {
        scripted.answer(verb, FLOOD);

        try (LogRecorder log = LogRecorder.of("io.postroom.channel.mail", Level.DEBUG)) {
            Outcome sent = send(scripted.settings());

            assertThat(sent.getClass().getSimpleName()).isEqualTo(outcome);
            assertThat(sent + String.join(" ", log.lines())).contains("an answer of more than 65536 bytes");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"GREETING", "RCPT", "."})
    void mail_is_given_up_at_the_end_of_its_attempt(String verb) {
        scripted.answer(verb, HANG);
        MailSettings settings = scripted.settings().timeouts(LONG, LONG, LONG);

        try (MailChannel channel = MailChannel.open(settings)) {
            AttemptContext attempt = new AttemptContext(
                    MessageIds.next(), Instant.now(), Instant.now().plusSeconds(1));
            assertThat(assertTimeoutPreemptively(BOUND, () -> channel.send(mail(), attempt)))
                    .isInstanceOf(Outcome.Retry.class);
        }
    }

    @Test
    void notification_of_a_handler_is_given_up_at_the_end_of_its_attempt() {
        scripted.answer("GREETING", HANG);
        MailSettings settings = scripted.settings().timeouts(LONG, LONG, LONG);

        try (MailChannel channel = MailChannel.open(settings, MailTemplates.inFolder("io/postroom/channel/mail"))) {
            AttemptContext attempt = new AttemptContext(
                    MessageIds.next(), Instant.now(), Instant.now().plusSeconds(1));
            Notification notification = Notification.of(attempt, "greeting")
                    .to("mail", "ann@example.org")
                    .subject("Your order")
                    .with("name", "Ann")
                    .with("order", "A-17");
            assertThat(assertTimeoutPreemptively(BOUND, () -> channel.send(notification)))
                    .isInstanceOf(Outcome.Retry.class);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"LOGIN", "PLAIN"})
    void login_that_a_server_sends_back_is_in_no_log_and_no_verdict(String mechanism) throws Exception {
        String password = "hunter2 in  words";
        String blob = base64("\0app\0" + password);
        scripted.answer("EHLO", "250-scripted\r\n250 AUTH " + mechanism, "250-scripted\r\n250 AUTH " + mechanism)
                .answer("AUTH", refusal(password, blob), refusal(password, blob));
        MailSettings settings = scripted.settings().login("app", password);

        try (LogRecorder log = LogRecorder.of("io.postroom.channel.mail", Level.DEBUG);
                MailChannel channel = MailChannel.open(settings)) {
            SettingsVerdict verdict = channel.test(SettingsEntry.of("mail", "mail"), Optional.empty());
            assertThat(channel.send(mail(), MessageIds.next(), Instant.now())).isInstanceOf(Outcome.NotNow.class);

            for (String shown : new String[] {verdict.text(), String.join(" ", log.lines())}) {
                assertThat(shown)
                        .contains("535 no *** *** ***")
                        .doesNotContain("hunter2")
                        .doesNotContain(blob)
                        .doesNotContain(base64(password));
            }
        }
    }

    private static String refusal(String password, String blob) {
        return "535 no " + password + " " + base64(password) + " " + blob;
    }

    @Test
    void answer_is_shown_on_one_line_without_control_characters_and_not_in_all_its_length() {
        scripted.answer("RCPT", "550-no\r\n550 \u001B[31mred\u0000 \u0085" + "x".repeat(5000));

        assertThat(send(scripted.settings()))
                .isInstanceOfSatisfying(
                        Outcome.Reject.class,
                        reject -> assertThat(reject.reason())
                                .startsWith("RCPT TO:<ann@example.org>: 550-no 550 \\u001b[31mred\\u0000 \\u0085xx")
                                .endsWith("xx…")
                                .hasSizeLessThan(600));
    }

    private Outcome send(MailSettings settings) {
        SmtpServer server = new SmtpServer(settings);
        try {
            return assertTimeoutPreemptively(
                    BOUND, () -> server.deliver(mail(), MessageIds.next(), Instant.now(), Instant.MAX));
        } finally {
            server.close();
        }
    }

    private static Mail mail() {
        return Mail.to("Ann Lee <ann@example.org>").subject("Your order").text("Thank you.");
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    /** The context of a message that a handler sends as a mail. */
    private record AttemptContext(UUID id, Instant createdAt, Instant deadline) implements PlainContext {
        @Override
        public String queue() {
            return "mails";
        }
    }
}
