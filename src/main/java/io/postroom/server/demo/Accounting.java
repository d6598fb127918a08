package io.postroom.server.demo;

import io.postroom.api.FileImport;
import io.postroom.api.Limiter;
import io.postroom.api.RetryPolicy;
import io.postroom.api.SettingsEntry;
import io.postroom.channel.http.HttpSender;
import io.postroom.handler.Handler;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;

/**
 * Tells the accounting system which orders are paid. Files of orders come into a folder, each line becomes a message, and each message
 * becomes a request. The system allows so many requests a second, which a limiter of the queue keeps.
 */
final class Accounting {
    static final String QUEUE = "accounting";
    /** Name of the file import. */
    static final String IMPORT = "demo-orders";

    static final int REQUESTS_A_SECOND = 100;

    private static final String ENTRY = "demo-accounting";
    private static final int CONCURRENCY = 8;
    /** The stub listens on another port after a restart of the server: requests to the old one are refused until the entry is renewed. */
    private static final RetryPolicy RETRY = RetryPolicy.fixed(20, Duration.ofSeconds(1));

    private Accounting() {}

    /** Takes a file at once: {@link OrderFiles} gives files their names when they are complete. */
    static FileImport fileImport(Path inbox) {
        return FileImport.of(IMPORT, inbox, QUEUE).type(TicketEvent.TYPE, 1).stableFor(Duration.ZERO);
    }

    static Limiter limiter() {
        return Limiter.ofQueue(QUEUE).maxStarts(REQUESTS_A_SECOND, Duration.ofSeconds(1));
    }

    /** The entry of the external system. */
    static SettingsEntry entry(URI endpoint) {
        return SettingsEntry.of(ENTRY, HttpSender.CHANNEL)
                .endpoint(endpoint.toString())
                .property("allowPrivate", "true");
    }

    static Handler handler(HttpSender http) {
        return Handler.process(
                        QUEUE,
                        TicketEvent.class,
                        (event, context) -> http.send(Booking.of(event, Instant.now()), context))
                .id("demo-accounting")
                .settings(ENTRY)
                .concurrency(CONCURRENCY)
                .retry(RETRY);
    }
}
