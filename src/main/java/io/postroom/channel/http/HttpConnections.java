package io.postroom.channel.http;

import io.postroom.internal.loop.NameLookups;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import javax.net.ssl.SSLContext;
import org.apache.hc.client5.http.DnsResolver;
import org.apache.hc.client5.http.SchemePortResolver;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.DefaultSchemePortResolver;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.DefaultHttpClientConnectionOperator;
import org.apache.hc.client5.http.impl.io.ManagedHttpClientConnectionFactory;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.impl.routing.DefaultRoutePlanner;
import org.apache.hc.client5.http.io.HttpClientConnectionOperator;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.client5.http.ssl.TlsSocketStrategy;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.config.RegistryBuilder;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;
import org.jspecify.annotations.Nullable;

/**
 * Connections to servers, kept for the next request. Follows no redirect, repeats nothing, stores no cookie, asks no proxy, unpacks no
 * compressed answer. Thread-safe.
 *
 * <p>There are two pools. A connection to a private address, which one entry allows, must not serve another entry that does not: a pooled
 * connection is not checked again.
 */
final class HttpConnections implements AutoCloseable {
    private static final Http1Config LIMITS = Http1Config.custom()
            .setMaxLineLength(16 * 1024)
            .setMaxHeaderCount(200)
            .setMaxEmptyLineCount(10)
            .build();

    /** Of the request that this thread makes. The library gives the makers of sockets nothing to tell requests by. */
    private static final ThreadLocal<@Nullable CallDeadline> CURRENT = new ThreadLocal<>();

    private final ScheduledThreadPoolExecutor timers;
    private final NameLookups lookups;
    private final CloseableHttpClient publicOnly;
    private final CloseableHttpClient anywhere;

    /** @param body empty: none is sent */
    record Request(
            Endpoint to, String method, Map<String, String> headers, Optional<byte[]> body, String contentType) {}

    /** @param headers names in lower case; of several with one name the first */
    record Response(int status, Map<String, String> headers, byte[] body) {}

    /** The deadline has passed. */
    static final class DeadlineException extends IOException {
        private static final long serialVersionUID = 1L;

        DeadlineException(Duration time, Throwable cause) {
            super("no whole answer within " + time.toMillis() + " ms", cause);
        }
    }

    /** @param most connections at a time, in each pool */
    HttpConnections(int most, Optional<SSLContext> tls, NameLookups.Lookup lookup) {
        ThreadFactory threads = task -> {
            Thread thread = new Thread(task, "postroom-http");
            thread.setDaemon(true);
            return thread;
        };
        timers = new ScheduledThreadPoolExecutor(1, threads);
        timers.setRemoveOnCancelPolicy(true);
        lookups = new NameLookups("postroom-http", lookup);
        publicOnly = client(most, tls, true);
        anywhere = client(most, tls, false);
    }

    /**
     * Sends a request and reads its answer.
     *
     * @param time for all of it
     * @param connectTimeout for one address
     * @param maxResponse bytes that are read of a body; behind them the connection is closed
     * @throws DeadlineException the time has passed
     * @throws IOException there is no whole answer
     */
    Response send(Request request, Duration time, Duration connectTimeout, int maxResponse, boolean allowPrivate)
            throws IOException {
        HttpUriRequestBase made = made(request, time, connectTimeout);
        CallDeadline deadline = new CallDeadline(timers, time, made::cancel);
        CURRENT.set(deadline);
        try (deadline) {
            return received(allowPrivate ? anywhere : publicOnly, made, maxResponse);
        } catch (ConnectionRequestTimeoutException busy) {
            throw busy; // whether this timer or that of the deadline was first
        } catch (IOException failed) {
            throw deadline.isPassed() ? new DeadlineException(time, failed) : failed;
        } catch (CancellationException waiting) { // the timer or an interrupt ended the wait for a connection
            if (deadline.isPassed()) {
                throw new ConnectionRequestTimeoutException();
            }
            Thread.currentThread().interrupt();
            throw new InterruptedIOException();
        } catch (IllegalStateException ended) {
            if (deadline.isPassed()) { // the timer took the connection away between two steps of the library
                throw new DeadlineException(time, ended);
            }
            throw ended;
        } finally {
            CURRENT.remove();
        }
    }

    private static HttpUriRequestBase made(Request request, Duration time, Duration connectTimeout) {
        HttpUriRequestBase made =
                new HttpUriRequestBase(request.method(), request.to().uri());
        Duration connect = connectTimeout.compareTo(time) < 0 ? connectTimeout : time;
        made.setConfig(config(time, connect));
        request.headers().forEach(made::setHeader);
        request.body()
                .ifPresent(body -> made.setEntity(new ByteArrayEntity(body, ContentType.parse(request.contentType()))));
        return made;
    }

    @SuppressWarnings("deprecation") // the connect timeout of a pool is one for all entries; this one is the entry's
    private static RequestConfig config(Duration time, Duration connect) {
        return RequestConfig.custom()
                .setConnectionRequestTimeout(Timeout.of(time))
                .setConnectTimeout(Timeout.of(connect))
                .setResponseTimeout(Timeout.of(time))
                .setRedirectsEnabled(false)
                .setAuthenticationEnabled(false)
                .setContentCompressionEnabled(false)
                .setProtocolUpgradeEnabled(false)
                .setExpectContinueEnabled(false)
                .build();
    }

    private static Response received(CloseableHttpClient client, HttpUriRequestBase request, int maxResponse)
            throws IOException {
        ClassicHttpResponse response = client.executeOpen(null, request, null);
        boolean hasRest = false;
        try {
            byte[] body = {};
            HttpEntity entity = response.getEntity();
            if (entity != null) {
                InputStream content = entity.getContent();
                body = content.readNBytes(maxResponse);
                hasRest = content.read() >= 0;
                if (!hasRest) {
                    content.close(); // gives the connection back
                }
            }
            return new Response(response.getCode(), headers(response), body);
        } finally {
            if (hasRest) {
                cutOff(request, response);
            } else {
                response.close();
            }
        }
    }

    /**
     * Closes the connection in front of a rest that is not read, and that would have to be read before the next request. The library reads
     * on where it knows that there is more, and fails. The answer counts all the same: a repeat would do twice what the server has done.
     */
    private static void cutOff(HttpUriRequestBase request, ClassicHttpResponse response) {
        request.cancel();
        try {
            response.close();
        } catch (IOException cut) {
            // as said above
        }
    }

    private static Map<String, String> headers(ClassicHttpResponse response) {
        Map<String, String> headers = new LinkedHashMap<>();
        for (Header header : response.getHeaders()) {
            headers.putIfAbsent(header.getName().toLowerCase(Locale.ROOT), String.valueOf(header.getValue()));
        }
        return headers;
    }

    private CloseableHttpClient client(int most, Optional<SSLContext> tls, boolean publicOnly) {
        PoolingHttpClientConnectionManagerBuilder pool = new PoolingHttpClientConnectionManagerBuilder() {
            @Override
            protected HttpClientConnectionOperator createConnectionOperator(
                    SchemePortResolver ports, DnsResolver resolver, TlsSocketStrategy strategy) {
                return new DefaultHttpClientConnectionOperator(
                        proxy -> newSocket(),
                        ports,
                        resolver,
                        RegistryBuilder.<TlsSocketStrategy>create()
                                .register("https", strategy)
                                .build());
            }
        };
        pool.setMaxConnTotal(most)
                .setMaxConnPerRoute(most)
                .setConnectionFactory(ManagedHttpClientConnectionFactory.builder()
                        .http1Config(LIMITS)
                        .build())
                .setDefaultConnectionConfig(ConnectionConfig.custom()
                        .setValidateAfterInactivity(TimeValue.ofMilliseconds(500))
                        .setIdleTimeout(Timeout.ofSeconds(20))
                        .setTimeToLive(TimeValue.ofMinutes(2))
                        .build())
                .setDnsResolver(new BoundedLookup(publicOnly));
        tls.map(DefaultClientTlsStrategy::new).ifPresent(pool::setTlsSocketStrategy);
        return HttpClients.custom()
                .setConnectionManager(pool.build())
                .setRoutePlanner(new DefaultRoutePlanner(DefaultSchemePortResolver.INSTANCE))
                .setUserAgent("Postroom")
                .disableRedirectHandling()
                .disableAutomaticRetries()
                .disableCookieManagement()
                .disableAuthCaching()
                .disableContentCompression()
                .build();
    }

    private static Socket newSocket() throws IOException {
        CallDeadline deadline = CURRENT.get();
        if (deadline == null) {
            throw new IllegalStateException("a connection is made outside of a call");
        }
        return deadline.newSocket();
    }

    @Override
    public void close() {
        for (CloseableHttpClient client : List.of(publicOnly, anywhere)) {
            client.close(org.apache.hc.core5.io.CloseMode.GRACEFUL);
        }
        timers.shutdown();
        lookups.close();
    }

    /** Looks up names within the deadline of the call. */
    private final class BoundedLookup implements DnsResolver {
        private final boolean publicOnly;

        private BoundedLookup(boolean publicOnly) {
            this.publicOnly = publicOnly;
        }

        @Override
        public InetAddress[] resolve(String host) throws UnknownHostException {
            CallDeadline deadline = CURRENT.get();
            try {
                Duration time = Duration.ofMillis(deadline == null ? 1 : deadline.remainingMillis());
                InetAddress[] found = lookups.find(host, time);
                return publicOnly ? PublicAddresses.require(host, found) : found;
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                throw new UnknownHostException(host + " was not looked up: interrupted");
            }
        }

        @Override
        public String resolveCanonicalHostname(String host) {
            return host;
        }
    }
}
