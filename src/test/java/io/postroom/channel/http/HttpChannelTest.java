package io.postroom.channel.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.channel.Channel;
import io.postroom.channel.Notification;
import io.postroom.testing.HttpStub;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A second way to people: the channel of docs/mail.md, against a provider on this machine. */
class HttpChannelTest {
    /** As on the page. */
    private record SmsChannel(HttpSender httpSender) implements Channel {
        record Sms(String to, String text) {}

        @Override
        public String name() {
            return "sms";
        }

        @Override
        public Outcome send(Notification notification) throws InterruptedException {
            Optional<String> number = notification.address("sms");
            return number.isEmpty()
                    ? Outcome.reject("the notification has no number")
                    : httpSender.send(
                            new Sms(number.get(), notification.subject()),
                            notification.context().orElseThrow());
        }
    }

    @Test
    void notification_reaches_the_provider_in_its_form_and_the_answer_is_the_outcome() throws Exception {
        try (HttpStub provider = new HttpStub();
                HttpSender sender = HttpSender.open()) {
            CallContext context = CallContext.of(SettingsEntry.of("sms-provider", "http")
                            .endpoint(provider.url())
                            .secret("env:SMS_KEY")
                            .property("auth", "header")
                            .property("allowPrivate", "true")
                            .template("body", "{\"recipients\": [\"{to}\"], \"message\": \"{text}\"}"))
                    .with("hunter2");
            Channel sms = new SmsChannel(sender);
            Notification notification =
                    Notification.of(context, "ticket").to("sms", "+49170").subject("Your order \"A-17\"");

            assertThat(sms.send(notification)).isEqualTo(Outcome.done());
            assertThat(provider.last().text())
                    .isEqualTo("{\"recipients\": [\"+49170\"], \"message\": \"Your order \\\"A-17\\\"\"}");
            assertThat(provider.last().header("X-Api-Key")).isEqualTo("hunter2");
            assertThat(provider.last().header("Idempotency-Key"))
                    .isEqualTo(context.id().toString());

            provider.answers(429, Map.of("Retry-After", "30"), "");
            assertThat(sms.send(notification)).isEqualTo(Outcome.notNow("sms-provider", Duration.ofSeconds(30)));
            assertThat(sms.send(Notification.of(context, "ticket"))).isInstanceOf(Outcome.Reject.class);
        }
    }
}
