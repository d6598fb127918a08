package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;

import com.icegreen.greenmail.junit5.GreenMailExtension;
import com.icegreen.greenmail.util.ServerSetup;
import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.channel.Channel;
import io.postroom.channel.Notification;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class MailChannelTest {
    @RegisterExtension
    final GreenMailExtension provider =
            new GreenMailExtension(new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_SMTP));

    private MailChannel channel;

    @BeforeEach
    void open() {
        channel = MailChannel.open(settings(), MailTemplates.inFolder("io/postroom/channel/mail"));
    }

    @AfterEach
    void close() {
        channel.close();
    }

    @Test
    void a_notification_arrives_as_a_mail_with_text_and_HTML() throws Exception {
        Notification notification = notification("Анна <anna@example.org>");

        assertThat(channel.send(notification)).isEqualTo(Outcome.done());

        MimeMessage received = provider.getReceivedMessages()[0];
        assertThat(received.getSubject()).isEqualTo("Ваш заказ A-17");
        assertThat(received.getMessageID()).isEqualTo("<" + notification.id() + "@example.org>");
        assertThat(received.getSentDate())
                .isEqualTo(Date.from(notification.createdAt().truncatedTo(ChronoUnit.SECONDS)));
        MimeMultipart bodies = (MimeMultipart) received.getContent();
        assertThat((String) bodies.getBodyPart(0).getContent()).contains("Dear Анна, your order A-17.");
        assertThat((String) bodies.getBodyPart(1).getContent()).contains("<b>Анна</b>");
    }

    @Test
    void a_mail_with_everything_reaches_all_and_names_no_hidden_recipient() throws Exception {
        Mail mail = Mail.to("ann@example.org")
                .cc("bob@example.org")
                .bcc("eve@example.org")
                .from("Box office <office@example.com>")
                .subject("Your tickets")
                .text("See the attachment.")
                .attach("билеты.pdf", "application/pdf", new byte[] {1, 2, 3});

        assertThat(channel.send(mail, MessageIds.next(), Instant.now())).isEqualTo(Outcome.done());

        MimeMessage[] received = provider.getReceivedMessages();
        assertThat(received).hasSize(3);
        for (MimeMessage copy : received) {
            assertThat(copy.getHeader("Bcc")).isNull();
            assertThat(copy.getFrom()[0].toString()).isEqualTo("Box office <office@example.com>");
            MimeMultipart mixed = (MimeMultipart) copy.getContent();
            assertThat(mixed.getBodyPart(1).getFileName()).isEqualTo("билеты.pdf");
            assertThat(mixed.getBodyPart(1).getInputStream().readAllBytes()).containsExactly(1, 2, 3);
        }
    }

    @Test
    void a_repeated_send_is_the_same_mail() throws Exception {
        Notification notification = notification("ann@example.org");

        channel.send(notification);
        channel.send(notification);

        MimeMessage[] received = provider.getReceivedMessages();
        assertThat(received).hasSize(2);
        assertThat(received[1].getMessageID()).isEqualTo(received[0].getMessageID());
        assertThat(received[1].getHeader("Date")).isEqualTo(received[0].getHeader("Date"));
        assertThat(received[1].getInputStream().readAllBytes())
                .isEqualTo(received[0].getInputStream().readAllBytes());
    }

    @Test
    void an_address_that_is_none_is_rejected_and_says_why() throws Exception {
        assertThat(channel.send(notification("ann@@example.org")))
                .isInstanceOfSatisfying(
                        Outcome.Reject.class,
                        reject -> assertThat(reject.reason()).startsWith("to must be one mailbox"));
        assertThat(channel.send(notification("ann@example.org").subject("a\r\nBcc: eve@example.org")))
                .isInstanceOf(Outcome.Reject.class);
        assertThat(channel.send(new Notification(
                        MessageIds.next(), Instant.now(), "greeting", Map.of("sms", "+100"), "", Map.of())))
                .isEqualTo(Outcome.reject("the notification has no address for the channel mail"));
        assertThat(channel.send(Mail.to("ann@example.org"), MessageIds.next(), Instant.now()))
                .isInstanceOf(Outcome.Reject.class);
        assertThat(provider.getReceivedMessages()).isEmpty();
    }

    @Test
    void a_login_is_used() throws Exception {
        provider.setUser("app", "secret");
        channel.close();
        channel =
                MailChannel.open(settings().login("app", "secret"), MailTemplates.inFolder("io/postroom/channel/mail"));

        assertThat(channel.send(notification("ann@example.org"))).isEqualTo(Outcome.done());
    }

    @Test
    void another_channel_is_one_class() throws Exception {
        List<String> sent = new ArrayList<>();
        Channel sms = new Channel() {
            @Override
            public String name() {
                return "sms";
            }

            @Override
            public Outcome send(Notification notification) {
                sent.add(notification.address(name()).orElseThrow() + ": " + notification.subject());
                return Outcome.done();
            }
        };
        Notification both = notification("ann@example.org").to("sms", "+100200300");

        for (Channel each : List.of(channel, sms)) {
            assertThat(each.send(both)).isEqualTo(Outcome.done());
        }

        assertThat(sent).containsExactly("+100200300: Ваш заказ A-17");
        assertThat(provider.getReceivedMessages()).hasSize(1);
    }

    @Test
    void the_password_is_not_shown() {
        assertThat(settings().login("app", "secret").toString()).contains("app").doesNotContain("secret");
    }

    private MailSettings settings() {
        return MailSettings.defaults()
                .host("127.0.0.1")
                .port(provider.getSmtp().getPort())
                .encryption(MailSettings.Encryption.NONE)
                .timeouts(Duration.ofSeconds(5), Duration.ofSeconds(10), Duration.ofSeconds(10))
                .from("tickets@example.org");
    }

    private static Notification notification(String address) {
        return new Notification(MessageIds.next(), Instant.now(), "greeting", Map.of(), "", Map.of())
                .to("mail", address)
                .subject("Ваш заказ A-17")
                .with("name", "Анна")
                .with("order", "A-17");
    }
}
