package io.postroom.server.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailSettings;
import io.postroom.handler.MessageContext;
import io.postroom.testing.PlainContext;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import java.io.InputStream;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TicketNotificationsTest {
    @TempDir
    Path mails;

    private MailChannel channel;
    private TicketNotifications notifications;

    @BeforeEach
    void open() {
        channel = MailChannel.open(
                MailSettings.defaults().folder(mails).from("Box office <tickets@example.org>"),
                TicketNotifications.templates());
        notifications = new TicketNotifications(channel);
    }

    @AfterEach
    void close() {
        channel.close();
    }

    @Test
    void a_paid_order_becomes_a_mail_with_the_tickets() throws Exception {
        MessageContext context = attempt(0);

        assertThat(notifications.send(event(TicketEvent.CHECKED_OUT, "ann@example.org"), context))
                .isEqualTo(Outcome.done());

        MimeMessage mail = read(context.id() + ".eml");
        assertThat(mail.getSubject()).isEqualTo("Your tickets, order A-17");
        MimeMultipart bodies = (MimeMultipart) mail.getContent();
        assertThat(((String) bodies.getBodyPart(0).getContent()).replace("\r\n", "\n"))
                .isEqualTo("""
                        Dear Anna <b>,

                        thank you. Your order is paid, and the tickets are yours.

                          Order    A-17
                          Tickets  2 x Hamlet, row 7
                          Amount   46.50 EUR
                          Time     5 January 2026, 09:00 UTC

                        The box office

                        (notification 334931b6-b3ca-49d9-80f4-fb6f09532cc1)
                        """);
        assertThat((String) bodies.getBodyPart(1).getContent())
                .contains("<span>Anna &lt;b&gt;</span>")
                .contains("Your order is paid")
                .doesNotContain("in your checkout");
    }

    @Test
    void tickets_in_the_checkout_become_another_mail() throws Exception {
        MessageContext context = attempt(0);

        notifications.send(event(TicketEvent.ADDED_TO_CHECKOUT, "ann@example.org"), context);

        MimeMessage mail = read(context.id() + ".eml");
        assertThat(mail.getSubject()).isEqualTo("In your checkout: order A-17");
        assertThat((String) ((MimeMultipart) mail.getContent()).getBodyPart(0).getContent())
                .contains("these tickets are in your checkout")
                .doesNotContain("paid");
    }

    @Test
    void a_busy_mailbox_takes_the_mail_after_one_or_two_failures() throws Exception {
        for (int failing : List.of(1, 2)) {
            TicketEvent event = event(TicketEvent.CHECKED_OUT, "ann+busy" + failing + "@example.org");
            for (int failures = 0; failures < failing; failures++) {
                assertThat(notifications.send(event, attempt(failures))).isInstanceOf(Outcome.Retry.class);
            }
            assertThat(notifications.send(event, attempt(failing))).isEqualTo(Outcome.done());
        }
        assertThat(list()).hasSize(2);
    }

    @Test
    void a_mailbox_that_is_down_never_takes_it() throws Exception {
        TicketEvent event = event(TicketEvent.CHECKED_OUT, "ann+down@example.org");

        for (int failures = 0; failures < 10; failures++) {
            assertThat(notifications.send(event, attempt(failures))).isInstanceOf(Outcome.Retry.class);
        }
        assertThat(list()).isEmpty();
    }

    @Test
    void an_address_that_is_none_is_rejected() throws Exception {
        assertThat(notifications.send(event(TicketEvent.CHECKED_OUT, "ann@@example.org"), attempt(0)))
                .isInstanceOf(Outcome.Reject.class);
    }

    private static TicketEvent event(String operation, String email) {
        return new TicketEvent(
                UUID.fromString("334931b6-b3ca-49d9-80f4-fb6f09532cc1"),
                operation,
                Instant.parse("2026-01-05T09:00:06Z"),
                email,
                "Anna <b>",
                "A-17",
                new BigDecimal("46.50"),
                "2 x Hamlet, row 7");
    }

    private List<Path> list() throws Exception {
        try (Stream<Path> files = Files.list(mails)) {
            return files.toList();
        }
    }

    private MimeMessage read(String file) throws Exception {
        try (InputStream in = Files.newInputStream(mails.resolve(file))) {
            return new MimeMessage(Session.getInstance(new Properties()), in);
        }
    }

    private static MessageContext attempt(int failures) {
        return new Attempt(MessageIds.next(), failures, Instant.now());
    }

    /** A context with as much as the handler asks for. */
    private record Attempt(UUID id, int failures, Instant createdAt) implements PlainContext {
        @Override
        public String queue() {
            return TicketNotifications.QUEUE;
        }

        @Override
        public int deliveries() {
            return failures + 1;
        }

        @Override
        public Instant deadline() {
            return createdAt.plusSeconds(60);
        }
    }
}
