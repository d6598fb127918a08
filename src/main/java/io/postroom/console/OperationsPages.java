package io.postroom.console;

import io.postroom.api.OperationStatus;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import jakarta.servlet.http.HttpServletRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows redrives and discards of many dead letters and purges of queues, how far they are, and stops one. */
@RestController
@RequestMapping({ConsoleController.ROOT + OperationsPages.PATH, ConsoleController.HOME + OperationsPages.PATH})
class OperationsPages extends DatabasePages {
    static final String PATH = "/operations";
    private static final int ROWS = 100;

    OperationsPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping
    ResponseEntity<byte[]> list(HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Page page = new Page(visit, PATH, "Operations");
        page.refreshing(
                "operations",
                3,
                () -> page.table(
                        "The last operations",
                        List.of("Began", "What", "State", "Progress", "By", "Reason", "Note"),
                        engine(visit).deadLetters().operations(ROWS).stream()
                                .map(status -> row(visit, status))
                                .toList(),
                        "Nobody has redriven or discarded many dead letters, or purged a queue, yet."));
        return page.answer();
    }

    private static List<Cell> row(Visit visit, OperationStatus status) {
        return List.of(
                Cells.time(status.createdAt()),
                Cells.link(status.verb(), visit.path(PATH + "/" + status.id())),
                Cells.state(status.state()),
                progress(status),
                Cells.text(status.actor()),
                Cells.text(status.reason()),
                Cells.text(status.note()));
    }

    private static Cell progress(OperationStatus status) {
        long done = status.processed() + status.failed();
        return html -> {
            html.element(
                    "progress",
                    "",
                    "max",
                    String.valueOf(Math.max(1, status.planned())),
                    "value",
                    String.valueOf(done),
                    "aria-label",
                    "done");
            html.text(" " + Cells.grouped(done) + " of " + Cells.grouped(status.planned()));
        };
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> one(
            @PathVariable String id,
            @RequestParam(required = false) @Nullable String done,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        UUID known = requireId(id);
        Optional<OperationStatus> found = engine(visit).deadLetters().operation(known);
        if (found.isEmpty()) {
            return new Page(visit, PATH, "Unknown operation")
                    .text("There is no operation " + known + ".")
                    .answer(404);
        }
        OperationStatus status = found.get();
        Page page = new Page(visit, PATH, "Operation " + known);
        Done.show(page, done);
        page.refreshing("status", 2, () -> {
            if (status.waitsForCanary()) {
                page.notice("It waits until the first ones have ended, and goes on when at most "
                        + status.canaryThreshold() + " of them died again.");
            }
            page.facts(facts(status));
        });
        if (status.finishedAt().isEmpty()) {
            page.post(PATH + "/" + known + "/stop", "Stop it", Field.required("reason", "Why it is stopped"));
        }
        return page.answer();
    }

    private static Map<String, Cell> facts(OperationStatus status) {
        Map<String, Cell> facts = new LinkedHashMap<>();
        facts.put("What", Cells.text(status.verb()));
        facts.put("State", Cells.state(status.state()));
        facts.put("Progress", progress(status));
        facts.put("Failed", Cells.number(status.failed()));
        facts.put("Filter", Cells.code(status.filter()));
        facts.put("By", Cells.text(status.actor()));
        facts.put("Reason", Cells.text(status.reason()));
        facts.put("A second", Cells.number(status.perSecond()));
        if (status.verb().equals("redrive")) {
            facts.put("Tried first", Cells.number(status.canary()));
        }
        facts.put("Began", Cells.time(status.createdAt()));
        status.finishedAt().ifPresent(at -> facts.put("Ended", Cells.time(at)));
        status.note().ifPresent(note -> facts.put("Note", Cells.text(note)));
        return facts;
    }

    @PostMapping("/{id}/stop")
    ResponseEntity<byte[]> stop(
            @PathVariable String id, @RequestParam(defaultValue = "") String reason, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        boolean stopped = engine(visit).deadLetters().stop(requireId(id), visit.because(reason));
        return Page.redirect(visit.path(PATH + "/" + requireId(id), "done", stopped ? "stopped" : "ended"));
    }
}
