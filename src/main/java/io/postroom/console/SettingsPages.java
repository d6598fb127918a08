package io.postroom.console;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsChange;
import io.postroom.api.SettingsVerdict;
import io.postroom.api.StoredSettings;
import io.postroom.console.Cells.Cell;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Shows the entries of external systems and who changed them. An entry has no secret, only the place where one is found. */
@RestController
@RequestMapping({ConsoleController.ROOT + SettingsPages.PATH, ConsoleController.HOME + SettingsPages.PATH})
class SettingsPages extends DatabasePages {
    static final String PATH = "/settings";
    private static final int CHANGES = 50;

    SettingsPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping
    ResponseEntity<byte[]> list(HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Page page = new Page(visit, PATH, "Settings of external systems");
        page.table(
                "Entries by name",
                List.of("Entry", "Channel", "Endpoint", "State", "Set by", "Changed", "By"),
                engine(visit).settings().list().stream()
                        .map(stored -> row(visit, stored))
                        .toList(),
                "There is no entry.");
        return page.answer();
    }

    private static List<Cell> row(Visit visit, StoredSettings stored) {
        return List.of(
                Cells.link(
                        stored.entry().name(),
                        visit.path(PATH + "/" + stored.entry().name())),
                Cells.text(stored.entry().channel()),
                Cells.text(stored.entry().endpoint()),
                Cells.text(stored.entry().obstacle(Instant.now()).orElse("in use")),
                Cells.text(stored.byOperator() ? "an operator" : "a declaration"),
                Cells.time(stored.changedAt()),
                Cells.text(stored.changedBy()));
    }

    @GetMapping("/{name}")
    ResponseEntity<byte[]> one(@PathVariable String name, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Optional<StoredSettings> found = engine(visit).settings().find(name);
        List<SettingsChange> history = engine(visit).settings().history(name, CHANGES);
        if (found.isEmpty() && history.isEmpty()) {
            throw new InvalidMessageException("settings", "an entry that exists", name);
        }
        Page page = new Page(visit, PATH, "Entry " + name);
        if (found.isPresent()) {
            page.facts(facts(found.get().entry().members()));
            page.html().open("div", "class", "actions");
            page.post(PATH + "/" + name + "/test", "Does this entry work?");
            page.html().close();
        } else {
            page.text("It was deleted.");
        }
        page.heading("Changes")
                .table(
                        "Its changes, the last first",
                        List.of("When", "Version", "By", "Changed"),
                        history.stream().map(SettingsPages::row).toList(),
                        "None is on record.");
        return page.answer();
    }

    /** Asks the external system, as the verb of the API does. A reload asks again, which changes nothing. */
    @PostMapping("/{name}/test")
    ResponseEntity<byte[]> test(@PathVariable String name, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        SettingsVerdict verdict = engine(visit)
                .settings()
                .test(name)
                .orElseThrow(() -> new InvalidMessageException("settings", "an entry that exists", name));
        Page page = new Page(visit, PATH, "Test of entry " + name);
        if (verdict.ok()) {
            page.notice("It works: " + verdict.text());
        } else {
            page.alert("It does not work: " + verdict.text());
        }
        page.facts(Map.of("Took", Cells.text(verdict.took().toMillis() + " ms")));
        page.text("This process asked. Another one may have another network, other certificates and other secrets.");
        return page.link("Back to the entry", visit.path(PATH + "/" + name)).answer();
    }

    private static Map<String, Cell> facts(Map<String, Object> members) {
        Map<String, Cell> facts = new LinkedHashMap<>();
        members.forEach((name, value) -> {
            if (value instanceof Map<?, ?> texts) {
                texts.forEach((key, text) -> facts.put(name + " " + key, Cells.text(String.valueOf(text))));
            } else {
                facts.put(name, Cells.text(String.valueOf(value)));
            }
        });
        return facts;
    }

    private static List<Cell> row(SettingsChange change) {
        String what = change.after().isEmpty()
                ? "deleted"
                : change.before().isEmpty() ? "made" : String.join(", ", change.changed());
        return List.of(
                Cells.time(change.changedAt()),
                Cells.number(change.version()),
                Cells.text(change.changedBy()),
                Cells.text(what));
    }
}
