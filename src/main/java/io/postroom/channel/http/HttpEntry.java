package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.SettingsEntry;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * An entry of the settings as the channel http reads it: checked, with its defaults. The table in docs/http.md shows each property.
 *
 * @param contentType empty: by the payload
 * @param allowed hosts; empty: any
 * @param kept characters of the body of a failure
 * @param keptAnswer what is kept of a success
 * @param keptHeaders in lower case
 * @param destination that is parked while it takes nothing
 */
record HttpEntry(
        String name,
        Endpoint endpoint,
        String method,
        Map<String, String> headers,
        Optional<String> contentType,
        HttpTemplates templates,
        Authentication authentication,
        Duration deadline,
        Duration connectTimeout,
        int maxResponse,
        int kept,
        KeptAnswer keptAnswer,
        Set<String> keptHeaders,
        Set<Integer> retried,
        Set<String> allowed,
        boolean allowPrivate,
        String destination,
        String testMethod) {
    static final int MOST_KEPT = 2000;

    static final String HOST_FORM = "(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+]";
    static final String HOST_LIMIT = "names of hosts with commas between them, as in api.example.com, *.example.com";

    static final Set<String> KNOWN = Set.of(
            "method",
            "contentType",
            "deadline",
            "connectTimeout",
            "maxResponse",
            "kept",
            "keepAnswer",
            "keepHeaders",
            "retry",
            "auth",
            "authHeader",
            "signatureHeader",
            "timestampHeader",
            "allow",
            "allowPrivate",
            "destination",
            "testMethod");
    private static final List<String> KEPT_ANSWERS = List.of("none", "status", "body");
    private static final List<String> METHODS = List.of("POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS");
    private static final List<String> SAFE_METHODS = List.of("HEAD", "GET", "OPTIONS");
    private static final Duration LONGEST = Duration.ofMinutes(10);
    private static final int MOST_BYTES = 1024 * 1024;

    /** What the history keeps of an answer of 2xx. */
    enum KeptAnswer {
        NONE,
        STATUS,
        BODY
    }

    /** @throws InvalidMessageException something breaks a limit; the text names the field, and never shows a secret */
    static HttpEntry of(SettingsEntry entry) {
        if (!entry.channel().equals(HttpSender.CHANNEL)) {
            throw new InvalidMessageException("channel", HttpSender.CHANNEL, entry.channel());
        }
        Endpoint endpoint = Endpoint.of(entry.endpoint()
                .orElseThrow(() -> new InvalidMessageException("endpoint", "given for the channel http", "")));
        EntryProperties given = EntryProperties.of(HttpSender.CHANNEL, entry.properties(), KNOWN);
        entry.headers().forEach((name, value) -> {
            HttpHeaders.requireName("headers." + name, name);
            HttpHeaders.requireValue("headers." + name, value);
        });
        Optional<String> contentType =
                Optional.of(given.text("contentType", "")).filter(text -> !text.isEmpty());
        contentType.ifPresent(HttpEntry::requireContentType);
        return new HttpEntry(
                        entry.name(),
                        endpoint,
                        given.oneOf("method", "POST", METHODS),
                        entry.headers(),
                        contentType,
                        HttpTemplates.of(entry.templates(), contentType),
                        Authentication.of(given, entry.secret().isPresent()),
                        given.time("deadline", Duration.ofSeconds(30), LONGEST),
                        given.time("connectTimeout", Duration.ofSeconds(5), LONGEST),
                        given.number("maxResponse", 64 * 1024, 0, MOST_BYTES),
                        given.number("kept", 500, 0, MOST_KEPT),
                        KeptAnswer.valueOf(
                                given.oneOf("keepAnswer", "none", KEPT_ANSWERS).toUpperCase(Locale.ROOT)),
                        given.words("keepHeaders", "[A-Za-z0-9_-]{1,100}", "names of headers with commas between them"),
                        statuses(given),
                        given.limits("allow", HOST_FORM, HOST_LIMIT),
                        given.flag("allowPrivate"),
                        Limits.requireName("properties.destination", given.text("destination", entry.name())),
                        given.oneOf("testMethod", "HEAD", SAFE_METHODS))
                .requireReachable();
    }

    /** What can be told without a look-up. The connection checks the address that it is made to. */
    private HttpEntry requireReachable() {
        if (templates.path().isPresent() && endpoint.uri().getRawQuery() != null) {
            throw new InvalidMessageException(
                    "endpoint",
                    "without a query, because there is a template of the path",
                    endpoint.uri().toString());
        } else if (!endpoint.isAmong(allowed)) {
            throw new InvalidMessageException("endpoint", "at a host of properties.allow", endpoint.host());
        } else if (!allowPrivate && endpoint.isPrivateLiteral()) {
            throw new InvalidMessageException(
                    "endpoint",
                    "no address of this machine or of a private network",
                    endpoint.host(),
                    "Set properties.allowPrivate to true if it may be called");
        }
        return this;
    }

    private static void requireContentType(String text) {
        if (!text.matches("[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(\\s*;[ -~]{1,200})?")) {
            throw new InvalidMessageException("properties.contentType", "a media type, as in application/json", text);
        } else if (HttpHeaders.namesOtherCharset(text)) {
            throw new InvalidMessageException(
                    "properties.contentType",
                    "with charset=UTF-8 or none",
                    text,
                    "Texts are sent in UTF-8; the encoding of bytes is left out");
        }
    }

    private static Set<Integer> statuses(EntryProperties given) {
        return given.words("retry", "[34]\\d\\d", "statuses of 300 to 499 with commas between them").stream()
                .map(Integer::valueOf)
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** Whether a request of this method carries a body. */
    static boolean hasBody(String method) {
        return !SAFE_METHODS.contains(method);
    }
}
