package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsChange;
import io.postroom.api.SettingsChangedException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.api.SettingsVerdict;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
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

    private final SettingsRegistry settings;

    SettingsController(SettingsRegistry settings) {
        this.settings = settings;
    }

    @GetMapping
    ResponseEntity<byte[]> list() {
        return answer(200, SettingsAnswer.list(settings.list()));
    }

    @GetMapping("/{name}")
    ResponseEntity<byte[]> find(@PathVariable String name) {
        return answer(200, SettingsAnswer.of(settings.find(name).orElseThrow(() -> unknown(name))));
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
        SettingsRegistry registry = of(request);
        SettingsEntry entry = SettingsAnswer.read(name, RequestBody.read(request));
        return answer(
                200,
                SettingsAnswer.of(
                        expectedVersion == null ? registry.set(entry) : registry.set(entry, expectedVersion)));
    }

    @DeleteMapping("/{name}")
    ResponseEntity<byte[]> delete(
            @PathVariable String name,
            @RequestParam(required = false) @Nullable Long expectedVersion,
            HttpServletRequest request) {
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

    /** Names the person in the history, and the reason in the ledger. */
    private SettingsRegistry of(HttpServletRequest request) {
        return reason(request).map(settings::because).orElse(settings);
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

    private static Map<String, Object> shown(SettingsChange change) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("version", change.version());
        shown.put("changedAt", change.changedAt().toString());
        shown.put("changedBy", change.changedBy());
        shown.put("settingsBy", SettingsAnswer.by(change.byOperator()));
        shown.put("changed", change.changed());
        change.before().ifPresent(entry -> shown.put("before", entry.members()));
        change.after().ifPresent(entry -> shown.put("after", entry.members()));
        return shown;
    }
}
