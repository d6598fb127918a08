package io.postroom.api;

import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * What is known about one external system: where it is, how often to try, and where its secret is found. Immutable: every method returns a
 * changed copy. Names and secrets are checked here; the database checks all limits when the entry is stored.
 *
 * <pre>{@code
 * SettingsEntry.of("billing", "http").endpoint("https://billing.example.com/invoices").secret("env:BILLING_SECRET").retry(5, "10s..1h")
 * }</pre>
 *
 * <p>Of several retry settings for a message, the first one holds that is there:
 *
 * <ol>
 *   <li>those that an operator gave its queue;
 *   <li>{@code attempts} and {@code retryAfter} of this entry, each by itself;
 *   <li>those of the handler: its property, else its annotation or builder, else the default.
 * </ol>
 *
 * @param name as handlers name it; limited like a queue's name
 * @param channel {@code http}, {@code webhook}, {@code mail}, {@code mailbox}, {@code file} or a word of the host's own: 1 to 63 of
 *     a-z 0-9 _ -
 * @param endpoint where the system is, in the words of its channel; at most 2,000 characters, no spaces, no user and password
 * @param attempts the most attempts, the first included; 1 to 1000
 * @param retryAfter waits between attempts, as {@link RetryPolicy#parse} reads them
 * @param headers sent along, for channels that have headers; at most 50. Headers that hold secrets are refused
 * @param templates texts with a place for values; at most 50 of 20,000 characters
 * @param properties free values, which the channel or the host reads; at most 100 of 4,000 characters
 * @param secret where the secret is found, never the secret: {@code env:NAME}, {@code file:/path} or {@code property:name}
 * @param validFrom before this instant messages wait
 * @param validUntil from this instant on messages wait
 * @param enabled false: messages wait; default true
 */
public record SettingsEntry(
        String name,
        String channel,
        Optional<String> endpoint,
        Optional<Integer> attempts,
        Optional<String> retryAfter,
        Map<String, String> headers,
        Map<String, String> templates,
        Map<String, String> properties,
        Optional<String> secret,
        Optional<Instant> validFrom,
        Optional<Instant> validUntil,
        boolean enabled) {
    private static final Pattern REFERENCE = Pattern.compile(
            "env:[A-Za-z_][A-Za-z0-9_]{0,126}|file:/[^\\x00-\\x1f\\x7f]{1,494}|property:[A-Za-z0-9][A-Za-z0-9._-]{0,199}");

    /** @throws InvalidMessageException the name breaks a limit, or the secret is no reference; its text is not in the message */
    public SettingsEntry {
        Limits.requireName("settings", name);
        headers = Collections.unmodifiableMap(new LinkedHashMap<>(headers));
        templates = Collections.unmodifiableMap(new LinkedHashMap<>(templates));
        properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
        if (secret.isPresent() && !REFERENCE.matcher(secret.get()).matches()) {
            throw new InvalidMessageException(
                    "secret",
                    "a reference, as in env:NAME, file:/path or property:name",
                    "not shown",
                    "Name where the secret is found; the secret itself is not stored");
        }
    }

    /** Begins an entry with defaults. */
    public static SettingsEntry of(String name, String channel) {
        return new SettingsEntry(
                name,
                channel,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                Map.of(),
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                true);
    }

    public SettingsEntry endpoint(String endpoint) {
        return changed(draft -> draft.endpoint = Optional.of(endpoint));
    }

    /** Sets how often a message is tried and how long it waits in between; the text is that of {@link RetryPolicy#parse}. */
    public SettingsEntry retry(int attempts, String retryAfter) {
        return changed(draft -> {
            draft.attempts = Optional.of(attempts);
            draft.retryAfter = Optional.of(retryAfter);
        });
    }

    /** Adds or replaces a header. */
    public SettingsEntry header(String header, String value) {
        return changed(draft -> draft.headers = plus(headers, header, value));
    }

    /** Adds or replaces a template. */
    public SettingsEntry template(String template, String text) {
        return changed(draft -> draft.templates = plus(templates, template, text));
    }

    /** Adds or replaces a free value. */
    public SettingsEntry property(String property, String value) {
        return changed(draft -> draft.properties = plus(properties, property, value));
    }

    /** @param reference {@code env:NAME}, {@code file:/path} or {@code property:name} */
    public SettingsEntry secret(String reference) {
        return changed(draft -> draft.secret = Optional.of(reference));
    }

    public SettingsEntry enabled(boolean on) {
        return changed(draft -> draft.enabled = on);
    }

    /** @param until empty: for ever */
    public SettingsEntry valid(Optional<Instant> from, Optional<Instant> until) {
        return changed(draft -> {
            draft.validFrom = from;
            draft.validUntil = until;
        });
    }

    /**
     * Says why messages have to wait at this instant, as the end of a sentence; empty: the entry can be used. Whether its secret is found
     * is another question.
     */
    public Optional<String> obstacle(Instant now) {
        if (!enabled) {
            return Optional.of("it is disabled");
        } else if (validFrom.isPresent() && now.isBefore(validFrom.get())) {
            return Optional.of("it is valid from " + validFrom.get() + " on");
        } else if (validUntil.isPresent() && !now.isBefore(validUntil.get())) {
            return Optional.of("it was valid until " + validUntil.get());
        }
        return Optional.empty();
    }

    /**
     * Lists the members of the entry as JSON has them, in the history and over HTTP, without the name: texts, a number, a truth value and
     * objects of texts; instants in ISO 8601. An optional one that is empty is left out.
     */
    public Map<String, Object> members() {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("channel", channel);
        endpoint.ifPresent(value -> members.put("endpoint", value));
        attempts.ifPresent(value -> members.put("attempts", value));
        retryAfter.ifPresent(value -> members.put("retryAfter", value));
        members.put("headers", headers);
        members.put("templates", templates);
        members.put("properties", properties);
        secret.ifPresent(value -> members.put("secret", value));
        validFrom.ifPresent(value -> members.put("validFrom", value.toString()));
        validUntil.ifPresent(value -> members.put("validUntil", value.toString()));
        members.put("enabled", enabled);
        return members;
    }

    private SettingsEntry changed(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return new SettingsEntry(
                name,
                channel,
                draft.endpoint,
                draft.attempts,
                draft.retryAfter,
                draft.headers,
                draft.templates,
                draft.properties,
                draft.secret,
                draft.validFrom,
                draft.validUntil,
                draft.enabled);
    }

    /** What can be changed, for the time of a change. */
    private static final class Draft {
        private Optional<String> endpoint;
        private Optional<Integer> attempts;
        private Optional<String> retryAfter;
        private Map<String, String> headers;
        private Map<String, String> templates;
        private Map<String, String> properties;
        private Optional<String> secret;
        private Optional<Instant> validFrom;
        private Optional<Instant> validUntil;
        private boolean enabled;

        Draft(SettingsEntry entry) {
            endpoint = entry.endpoint;
            attempts = entry.attempts;
            retryAfter = entry.retryAfter;
            headers = entry.headers;
            templates = entry.templates;
            properties = entry.properties;
            secret = entry.secret;
            validFrom = entry.validFrom;
            validUntil = entry.validUntil;
            enabled = entry.enabled;
        }
    }

    private static Map<String, String> plus(Map<String, String> map, String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(map);
        more.put(name, value);
        return more;
    }
}
