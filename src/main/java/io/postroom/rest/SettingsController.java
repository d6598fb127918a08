package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsChange;
import io.postroom.api.SettingsChangedException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.api.SettingsVerdict;
import io.postroom.api.StoredSettings;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.security.Principal;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * Answers requests that look at and change the entries of external systems. Shows where a secret is found, never the secret. An unknown
 * parameter is refused: a misspelt expectedVersion would overwrite another person's change.
 */
@RestController
@RequestMapping(SettingsController.PATH)
class SettingsController extends ApiController {
    static final String PATH = "/api/v1/settings";

    private static final Set<String> CHANGE_PARAMETERS = Set.of("expectedVersion");

    private final SettingsRegistry settings;

    SettingsController(SettingsRegistry settings) {
        this.settings = settings;
    }

    @GetMapping
    ResponseEntity<byte[]> list() {
        return listed("settings", settings.list(), SettingsController::shown);
    }

    @GetMapping("/{name}")
    ResponseEntity<byte[]> find(@PathVariable String name) {
        return answer(200, shown(settings.find(name).orElseThrow(() -> unknown(name))));
    }

    @GetMapping("/{name}/history")
    ResponseEntity<byte[]> history(@PathVariable String name, @RequestParam(defaultValue = "100") int most) {
        return listed("changes", settings.history(name, most), SettingsController::shown);
    }

    /** Makes or replaces an entry. What the body leaves out gets its default. */
    @PutMapping("/{name}")
    ResponseEntity<byte[]> set(
            @PathVariable String name,
            @RequestParam(required = false) @Nullable Long expectedVersion,
            HttpServletRequest request)
            throws IOException {
        requireKnown(request, CHANGE_PARAMETERS);
        SettingsEntry entry = entry(name, RequestBody.read(request));
        SettingsRegistry registry = of(request);
        return answer(200, shown(expectedVersion == null ? registry.set(entry) : registry.set(entry, expectedVersion)));
    }

    @DeleteMapping("/{name}")
    ResponseEntity<byte[]> delete(
            @PathVariable String name,
            @RequestParam(required = false) @Nullable Long expectedVersion,
            HttpServletRequest request) {
        requireKnown(request, CHANGE_PARAMETERS);
        SettingsRegistry registry = of(request);
        if (!(expectedVersion == null ? registry.delete(name) : registry.delete(name, expectedVersion))) {
            throw unknown(name);
        }
        return answer(200, Map.of("deleted", name));
    }

    /** Sends a test request; a failure of the other system is a verdict, too. */
    @PostMapping("/{name}/test")
    ResponseEntity<byte[]> test(@PathVariable String name) {
        SettingsVerdict verdict = settings.test(name).orElseThrow(() -> unknown(name));
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", name);
        shown.put("ok", verdict.ok());
        shown.put("text", verdict.text());
        shown.put("tookMs", verdict.took().toMillis());
        return answer(200, shown);
    }

    /** Names the person in the history, where the host knows one. */
    private SettingsRegistry of(HttpServletRequest request) {
        Principal person = request.getUserPrincipal();
        return person == null ? settings : settings.by(person.getName());
    }

    private static SettingsEntry entry(String name, String body) {
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

    private static Optional<Instant> instant(JsonMembers given, String member) {
        return given.text(member).map(text -> {
            try {
                return Instant.parse(text);
            } catch (DateTimeParseException unreadable) {
                throw new InvalidMessageException(member, "an instant, as in 2027-01-31T12:00:00Z", text);
            }
        });
    }

    @Override
    @ExceptionHandler
    ResponseEntity<byte[]> refused(InvalidMessageException refused) {
        return answer(Problem.invalidRequest(refused));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(SettingsChangedException refused) {
        return answer(Problem.settingsChanged(refused));
    }

    private static ProblemException unknown(String name) {
        return new ProblemException(Problem.unknownSettings(name));
    }

    private static Map<String, Object> shown(StoredSettings stored) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", stored.entry().name());
        shown.putAll(stored.entry().members());
        shown.put("version", stored.version());
        shown.put("settingsBy", by(stored.byOperator()));
        shown.put("changedAt", stored.changedAt().toString());
        shown.put("changedBy", stored.changedBy());
        return shown;
    }

    private static Map<String, Object> shown(SettingsChange change) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("version", change.version());
        shown.put("changedAt", change.changedAt().toString());
        shown.put("changedBy", change.changedBy());
        shown.put("settingsBy", by(change.byOperator()));
        shown.put("changed", change.changed());
        change.before().ifPresent(entry -> shown.put("before", entry.members()));
        change.after().ifPresent(entry -> shown.put("after", entry.members()));
        return shown;
    }

    private static String by(boolean operator) {
        return operator ? "operator" : "declaration";
    }
}
