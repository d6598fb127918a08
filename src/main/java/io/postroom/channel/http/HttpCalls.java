package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.handler.MessageContext;
import io.postroom.handler.PayloadCodec;
import io.postroom.internal.loop.LogText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/** One call: reads the entry, makes the request, sends it, and turns its answer into an outcome. Thread-safe. */
final class HttpCalls implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HttpCalls.class);

    /** Wait while the entry cannot be used, or all connections are in use. */
    private static final Duration UNUSABLE_WAIT = Duration.ofMinutes(1);

    private static final Duration BUSY_WAIT = Duration.ofSeconds(1);
    /** Left of the time limit of an attempt when a call ends, so that the handler answers before it is interrupted. */
    private static final Duration TO_ANSWER = Duration.ofMillis(100);

    private static final int SHOWN = 500;

    private final HttpConnections connections;
    private final HttpLimits limits;
    private final PayloadCodec codec;
    private final int most;
    /** By name, with the entry that was read: an attempt parses nothing, and a changed entry is another object. */
    private final Map<String, Read> read = new ConcurrentHashMap<>();

    private record Read(SettingsEntry from, HttpEntry entry) {}

    private record Content(byte[] bytes, String type, Endpoint to) {}

    HttpCalls(HttpConnections connections, HttpLimits limits, PayloadCodec codec, int most) {
        this.connections = connections;
        this.limits = limits;
        this.codec = codec;
        this.most = most;
    }

    /** @throws InvalidMessageException something breaks a limit, of the channel or of this process */
    HttpEntry read(SettingsEntry from) {
        Read before = read.get(from.name());
        if (before != null && (before.from == from || before.from.equals(from))) {
            return before.entry;
        }
        HttpEntry entry = limits.require(HttpEntry.of(from));
        read.put(from.name(), new Read(from, entry));
        return entry;
    }

    HttpAnswer call(@Nullable Object payload, MessageContext context) throws InterruptedException {
        HttpEntry entry;
        try {
            entry = read(context.settings());
        } catch (InvalidMessageException refused) {
            return HttpAnswer.none(unusable(context.settings().name(), refused));
        }
        Content content;
        try {
            content = content(entry, payload);
        } catch (InvalidMessageException refused) {
            return HttpAnswer.none(Outcome.reject(String.valueOf(refused.getMessage())));
        }
        String secret = context.secret().orElse("");
        HttpConnections.Request request;
        try {
            request = request(entry, entry.method(), content, secret, Instant.now());
        } catch (InvalidMessageException refused) {
            return HttpAnswer.none(unusable(entry.name(), refused));
        }
        request.headers().put(HttpHeaders.IDEMPOTENCY_KEY, context.id().toString());
        HttpAnswer answer = answer(entry, request, secret, context);
        log.debug(
                "Message {} to {}: {}",
                context.id(),
                entry.endpoint().host(),
                answer.status().map(String::valueOf).orElse("no answer"));
        return answer;
    }

    private HttpAnswer answer(HttpEntry entry, HttpConnections.Request request, String secret, MessageContext context)
            throws InterruptedException {
        try {
            HttpConnections.Response response = connections.send(
                    request,
                    timeFor(entry, context.deadline()),
                    entry.connectTimeout(),
                    entry.maxResponse(),
                    entry.allowPrivate());
            String body = entry.authentication().masked(new String(response.body(), StandardCharsets.UTF_8), secret);
            Map<String, String> headers = new LinkedHashMap<>(response.headers());
            headers.replaceAll((name, value) -> entry.authentication().masked(value, secret));
            return new HttpAnswer(
                    Optional.of(response.status()),
                    headers,
                    body,
                    AnswerOutcomes.of(entry, response.status(), headers, body, context.deliveries(), Instant.now()));
        } catch (ConnectionRequestTimeoutException busy) {
            return HttpAnswer.none(Outcome.snooze(BUSY_WAIT, "all " + most + " connections are in use"));
        } catch (IOException failed) {
            if (Thread.interrupted()) {
                throw (InterruptedException) new InterruptedException().initCause(failed);
            }
            return HttpAnswer.none(Outcome.retry(why(entry, failed, secret)));
        }
    }

    SettingsVerdict test(SettingsEntry from, Optional<String> given) {
        long started = System.nanoTime();
        String secret = given.orElse("");
        try {
            HttpEntry entry = read(from);
            Content none = new Content(new byte[0], "", entry.endpoint());
            HttpConnections.Response response = connections.send(
                    request(entry, entry.testMethod(), none, secret, Instant.now()),
                    entry.deadline(),
                    entry.connectTimeout(),
                    entry.maxResponse(),
                    entry.allowPrivate());
            int status = response.status();
            String text = entry.endpoint().host() + " answered " + status + " to " + entry.testMethod();
            return verdict(status / 100 == 2 || status == 405 || status == 501, text + meaning(status), started);
        } catch (InvalidMessageException refused) {
            return verdict(false, String.valueOf(refused.getMessage()), started);
        } catch (IOException failed) {
            return verdict(false, why(read(from), failed, secret), started);
        }
    }

    private static SettingsVerdict verdict(boolean ok, String text, long started) {
        return new SettingsVerdict(ok, text, Duration.ofNanos(System.nanoTime() - started));
    }

    private static String meaning(int status) {
        if (status == 401 || status == 403) {
            return ": it refuses the secret or the sender";
        } else if (status == 404) {
            return ": it does not know the path of the endpoint";
        } else if (status == 405 || status == 501) {
            return ": it can be reached, and does not take that method";
        } else if (AnswerOutcomes.isNotNow(status)) {
            return ": it takes nothing now";
        }
        return status / 100 == 3 ? ": a redirect, which is not followed" : "";
    }

    /** Makes a request; its headers can be added to. */
    private static HttpConnections.Request request(
            HttpEntry entry, String method, Content content, String secret, Instant now) {
        boolean hasBody = HttpEntry.hasBody(method);
        Map<String, String> headers = new LinkedHashMap<>(entry.headers());
        entry.authentication().sign(headers, secret, hasBody ? content.bytes : new byte[0], now.getEpochSecond());
        return new HttpConnections.Request(
                content.to, method, headers, hasBody ? Optional.of(content.bytes) : Optional.empty(), content.type);
    }

    private Content content(HttpEntry entry, @Nullable Object payload) {
        HttpTemplates templates = entry.templates();
        Endpoint to = entry.endpoint();
        Optional<String> body = Optional.empty();
        if (!templates.isEmpty()) {
            JsonNode members = members(payload);
            to = templates.path(members).map(to::withPath).orElse(to);
            body = templates.body(members);
        }
        if (body.isPresent()) {
            return content(entry, body.get().getBytes(StandardCharsets.UTF_8), "application/json", to);
        } else if (payload instanceof byte[] bytes) {
            return content(entry, bytes, "application/octet-stream", to);
        } else if (payload instanceof CharSequence text) {
            return content(entry, text.toString().getBytes(StandardCharsets.UTF_8), "text/plain; charset=UTF-8", to);
        }
        return content(entry, json(payload), "application/json", to);
    }

    private static Content content(HttpEntry entry, byte[] bytes, String type, Endpoint to) {
        return new Content(bytes, entry.contentType().orElse(type), to);
    }

    private JsonNode members(@Nullable Object payload) {
        if (payload instanceof byte[]) {
            throw new InvalidMessageException("payload", "an object, because the entry has templates", "bytes");
        }
        return HttpTemplates.read(json(payload));
    }

    private byte[] json(@Nullable Object payload) {
        return payload == null ? "null".getBytes(StandardCharsets.US_ASCII) : codec.write(payload);
    }

    private static Duration timeFor(HttpEntry entry, Instant attemptEnds) {
        Instant now = Instant.now();
        Instant last = attemptEnds.minus(TO_ANSWER);
        if (last.isBefore(now.plus(entry.deadline()))) {
            return last.isAfter(now) ? Duration.between(now, last) : Duration.ofMillis(1);
        }
        return entry.deadline();
    }

    private static Outcome unusable(String name, InvalidMessageException refused) {
        return Outcome.snooze(UNUSABLE_WAIT, "settings \"" + name + "\" cannot be used: " + refused.getMessage());
    }

    private static String why(HttpEntry entry, IOException failed, String secret) {
        String message = failed.getMessage() == null ? failed.getClass().getSimpleName() : failed.getMessage();
        String host = entry.endpoint().host();
        String text = message.startsWith(host) ? message : host + ": " + message;
        return LogText.oneLine(entry.authentication().masked(text, secret), SHOWN);
    }

    @Override
    public void close() {
        connections.close();
    }
}
