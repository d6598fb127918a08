package io.postroom.server.demo;

import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.channel.Channel;
import io.postroom.channel.Notification;
import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailTemplates;
import io.postroom.handler.Handler;
import io.postroom.handler.MessageContext;
import io.postroom.handler.SendMessageHandler;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;

/**
 * Tells customers what happened to their tickets: makes the provider's request from the event and gives it to the channel. During the call
 * the message is IN_PROGRESS, which {@code postroom.queue_messages} shows; the outcome decides the next state.
 */
public final class TicketNotifications implements SendMessageHandler<TicketEvent> {
    /** Name of the queue. */
    public static final String QUEUE = "notifications";

    /** Three tries in all, two seconds apart, so that the demo ends soon. */
    public static final RetryPolicy RETRY = RetryPolicy.fixed(3, Duration.ofSeconds(2));

    private static final int CONCURRENCY = 8;
    private static final String TEMPLATE = "ticket";
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern(
                    "d MMMM yyyy, HH:mm 'UTC'", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC);

    private final Channel channel;

    /** @param channel a mail channel with {@link #templates()}, or one of your own */
    public TicketNotifications(Channel channel) {
        this.channel = channel;
    }

    /** Ready for {@code Postroom.Builder.handler}. */
    public static Handler handler(Channel channel) {
        return Handler.send(QUEUE, TicketEvent.class, new TicketNotifications(channel))
                .id("ticket-notifications")
                .concurrency(CONCURRENCY)
                .retry(RETRY);
    }

    /** {@code ticket.txt} and {@code ticket.html} beside this class. */
    public static MailTemplates templates() {
        return MailTemplates.inFolder("io/postroom/server/demo");
    }

    @Override
    public Outcome send(TicketEvent event, MessageContext context) throws Exception {
        Optional<String> trouble = PlannedTrouble.answer(event.email(), context.failures());
        if (trouble.isPresent()) {
            return Outcome.retry(trouble.get());
        }
        boolean paid = event.operation().equals(TicketEvent.CHECKED_OUT);
        return channel.send(Notification.of(context, TEMPLATE)
                .to(MailChannel.NAME, event.email())
                .subject(paid ? "Your tickets, order " + event.order() : "In your checkout: order " + event.order())
                .with("paid", paid)
                .with("name", event.name())
                .with("order", event.order())
                .with("amount", event.amount().toPlainString())
                .with("summary", event.summary())
                .with("time", TIME.format(event.timestamp()))
                .with("trackingId", event.trackingId()));
    }
}
