package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.channel.MissingLibraryException;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageContext;
import io.postroom.handler.PayloadCodec;
import io.postroom.internal.loop.NameLookups;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * The channel "http": sends the payload of a message to the endpoint of the entry that its handler names, and answers the outcome. The
 * whole handler:
 *
 * <pre>{@code
 * @SendMessage(value = "invoices", settings = "billing")
 * Outcome send(OrderPaid event, MessageContext context) throws InterruptedException {
 *     return httpSender.send(event, context);
 * }
 * }</pre>
 *
 * <p>A {@code String} and a {@code byte[]} are sent as they are, anything else as JSON, by the payload codec. The id of the message is the
 * header {@code Idempotency-Key}, at each attempt. All else is in the entry: docs/http.md has its properties. Thread-safe; close it after
 * the handlers have ended.
 *
 * <p>Outcomes ({@code AnswerOutcomes} has the whole table):
 *
 * <ul>
 *   <li>{@code done} for 2xx;
 *   <li>{@code notNow} for 408, 425, 429 and 503: its destination is the name of the entry;
 *   <li>{@code reject} for 3xx, another 4xx, and a payload that does not fit the templates of the entry;
 *   <li>{@code retry} for 5xx, and where no whole answer came;
 *   <li>{@code snooze} while the entry cannot be used, and while all connections are in use.
 * </ul>
 */
public final class HttpSender implements SettingsCheck, AutoCloseable {
    public static final String CHANNEL = "http";
    /** Most connections at a time, where the builder names no other number. */
    public static final int DEFAULT_CONNECTIONS = 100;

    private static final int MOST_CONNECTIONS = 1000;

    private final HttpCalls calls;

    private HttpSender(Builder builder, NameLookups.Lookup lookup) {
        calls = new HttpCalls(
                new HttpConnections(builder.connections, Optional.ofNullable(builder.tls), lookup),
                new HttpLimits(builder.allowedHosts, builder.privateAddresses),
                builder.codec,
                builder.connections);
    }

    /** Begins a sender with defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Opens a sender with defaults.
     *
     * @throws MissingLibraryException without httpclient5
     */
    public static HttpSender open() {
        return builder().open();
    }

    /**
     * Sends the payload and waits for the answer.
     *
     * @param payload that the handler was given, or what the handler made of it
     * @param context of the handler, which names an entry of the channel http
     * @throws IllegalStateException the handler names no settings
     * @throws InterruptedException the attempt was interrupted
     */
    public Outcome send(@Nullable Object payload, MessageContext context) throws InterruptedException {
        return call(payload, context).outcome();
    }

    /**
     * Sends the payload, as {@link #send} does, and answers what came back beside the outcome: for a handler that keeps a part of it, or
     * replies with it.
     */
    public HttpAnswer call(@Nullable Object payload, MessageContext context) throws InterruptedException {
        return calls.call(payload, context);
    }

    @Override
    public String channel() {
        return CHANNEL;
    }

    @Override
    public void require(SettingsEntry entry) {
        calls.read(entry);
    }

    /**
     * Sends a request without a body by {@code testMethod}, HEAD by default, with the headers and the secret of the entry. 2xx is well, and
     * so are 405 and 501: the server answered and does not know the method.
     */
    @Override
    public SettingsVerdict test(SettingsEntry entry, Optional<String> secret) {
        return calls.test(entry, secret);
    }

    /** Closes the connections. Calls under way fail. */
    @Override
    public void close() {
        calls.close();
    }

    /** Makes a sender. Not thread-safe. */
    public static final class Builder {
        private int connections = DEFAULT_CONNECTIONS;
        private boolean privateAddresses = true;
        private Set<String> allowedHosts = Set.of();
        private PayloadCodec codec = new JacksonPayloadCodec();
        private @Nullable SSLContext tls;

        private Builder() {}

        /**
         * Sets the most connections at a time; 1 to 1000, default 100. Where all are in use a call waits for one until its deadline.
         *
         * @throws InvalidMessageException it is another number
         */
        public Builder connections(int most) {
            if (most < 1 || most > MOST_CONNECTIONS) {
                throw new InvalidMessageException("connections", "1 to " + MOST_CONNECTIONS, String.valueOf(most));
            }
            connections = most;
            return this;
        }

        /**
         * Names the hosts that entries may call, as in {@code api.example.com} or {@code *.example.com}. Any, where it is not called.
         *
         * @throws InvalidMessageException one is no name of a host, or none is named
         */
        public Builder allowedHosts(String... hosts) {
            if (hosts.length == 0) {
                throw new InvalidMessageException(
                        "allowedHosts", HttpEntry.HOST_LIMIT, "", "Leave it out if any host may be called");
            }
            Set<String> names = new LinkedHashSet<>();
            Arrays.stream(hosts).forEach(host -> {
                if (!host.matches(HttpEntry.HOST_FORM)) {
                    throw new InvalidMessageException("allowedHosts", HttpEntry.HOST_LIMIT, host);
                }
                names.add(host.toLowerCase(Locale.ROOT));
            });
            allowedHosts = names;
            return this;
        }

        /** Says whether entries may allow addresses of this machine and of private networks, by {@code allowPrivate}; default true. */
        public Builder privateAddresses(boolean mayBeAllowed) {
            privateAddresses = mayBeAllowed;
            return this;
        }

        /** Sets how payloads become JSON; default as they are stored by default. */
        public Builder codec(PayloadCodec codec) {
            this.codec = codec;
            return this;
        }

        /**
         * Sets whom HTTPS trusts and what it shows of this process; default that of the JVM. Names of hosts are checked whatever it trusts.
         */
        public Builder tls(SSLContext context) {
            tls = context;
            return this;
        }

        /** @throws MissingLibraryException without httpclient5 */
        public HttpSender open() {
            return open(InetAddress::getAllByName);
        }

        HttpSender open(NameLookups.Lookup lookup) {
            MissingLibraryException.require(
                    "The HTTP sender",
                    "org.apache.hc.client5.http.impl.classic.CloseableHttpClient",
                    "org.apache.httpcomponents.client5:httpclient5");
            return new HttpSender(this, lookup);
        }
    }
}
