package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoredSettings;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Reads the entry of an external system from JSON, and writes it. Shows where a secret is found, never the secret. */
public final class SettingsAnswer {
    /** What is told of an entry and is no part of it. */
    private static final Set<String> TOLD = Set.of("name", "version", "settingsBy", "changedAt", "changedBy");

    private SettingsAnswer() {}

    /** All entries, by name. */
    public static Map<String, Object> list(List<StoredSettings> entries) {
        return Map.of("settings", entries.stream().map(SettingsAnswer::of).toList());
    }

    /**
     * Returns what {@link #read} takes of an entry that {@link #of} wrote.
     *
     * @param shown null: nothing
     */
    public static ObjectNode members(@Nullable JsonNode shown) {
        ObjectNode members = JsonMapper.shared().createObjectNode();
        if (shown != null) {
            shown.properties().stream()
                    .filter(member -> !TOLD.contains(member.getKey()))
                    .forEach(member -> members.set(member.getKey(), member.getValue()));
        }
        return members;
    }

    /**
     * Reads an entry. What is left out gets its default.
     *
     * @throws InvalidMessageException a value breaks a limit; a secret is not shown
     * @throws ProblemException the text is no JSON object, or has an unknown member
     */
    public static SettingsEntry read(String name, String body) {
        JsonMembers given = JsonMembers.read(
                body,
                "channel",
                "endpoint",
                "attempts",
                "retryAfter",
                "headers",
                "templates",
                "properties",
                "secret",
                "validFrom",
                "validUntil",
                "enabled");
        return new SettingsEntry(
                name,
                given.text("channel")
                        .orElseThrow(() ->
                                new InvalidMessageException("channel", "given, as http, mail or file", "nothing")),
                given.text("endpoint"),
                given.integer("attempts"),
                given.text("retryAfter"),
                texts(given, "headers"),
                texts(given, "templates"),
                texts(given, "properties"),
                given.text("secret"),
                instant(given, "validFrom"),
                instant(given, "validUntil"),
                given.bool("enabled").orElse(true));
    }

    private static Map<String, String> texts(JsonMembers given, String member) {
        Map<String, String> texts = new LinkedHashMap<>();
        given.texts(member)
                .forEach((name, value) -> texts.put(
                        name,
                        value.orElseThrow(
                                () -> new InvalidMessageException(member, "an object of strings", name + ": null"))));
        return texts;
    }

    static Optional<Instant> instant(JsonMembers given, String member) {
        return given.text(member).map(text -> {
            try {
                return Instant.parse(text);
            } catch (DateTimeParseException unreadable) {
                throw new InvalidMessageException(member, "an instant, as in 2027-01-31T12:00:00Z", text);
            }
        });
    }

    /** Writes an entry with its version and who changed it. */
    public static Map<String, Object> of(StoredSettings stored) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", stored.entry().name());
        shown.putAll(stored.entry().members());
        shown.put("version", stored.version());
        shown.put("settingsBy", by(stored.byOperator()));
        shown.put("changedAt", stored.changedAt().toString());
        shown.put("changedBy", stored.changedBy());
        return shown;
    }

    static String by(boolean operator) {
        return operator ? "operator" : "declaration";
    }
}
