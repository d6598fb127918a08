package io.postroom.console;

import io.postroom.api.Limits;
import io.postroom.console.Cells.Cell;
import io.postroom.internal.postgres.console.LimiterLine;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows limiters as they stand, and lets the messages of a parked destination start again. */
@RestController
@RequestMapping({ConsoleController.ROOT + LimitsPage.PATH, ConsoleController.HOME + LimitsPage.PATH})
class LimitsPage extends DatabasePages {
    static final String PATH = "/limits";

    private static final int ROWS = 100;

    LimitsPage(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping
    ResponseEntity<byte[]> show(
            @RequestParam(required = false) @Nullable String done,
            @RequestParam(required = false) @Nullable String page,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Page shown = new Page(visit, PATH, "Limiters");
        Done.show(shown, done);
        Slice<LimiterLine> slice = reads(visit).limiters(PageToken.read(page, visit.path(PATH)), ROWS);
        shown.refreshing(
                "limits",
                3,
                () -> shown.table(
                        "Limiters of destinations and queues",
                        List.of("Of", "Starts", "In progress", "Next start", "Parked until", "Set by", "Set", "Action"),
                        slice.rows().stream().map(state -> row(shown, state)).toList(),
                        "Nothing is limited."));
        shown.next(slice.next().map(next -> visit.path(PATH, "page", PageToken.write(next, visit.path(PATH)))));
        return shown.answer();
    }

    private static List<Cell> row(Page page, LimiterLine state) {
        Visit visit = page.visit();
        Cell of = state.queue()
                .map(queue -> Cells.link("queue " + queue, visit.path(QueuesPages.PATH + "/" + queue)))
                .orElse(Cells.text("destination " + state.destination().orElse("")));
        String starts = state.maxStarts()
                .map(most ->
                        state.starts() + " of " + most + " in " + state.period().orElse(""))
                .orElse("");
        String inProgress = Cells.grouped(state.inProgress())
                + state.maxInProgress()
                        .map(most -> " of " + Cells.grouped(most))
                        .orElse("");
        Cell unpark = html -> {
            if (state.parkedUntil().isPresent() && state.destination().isPresent()) {
                page.post(PATH + "/" + state.destination().get() + "/unpark", "Let it start again");
            }
        };
        return List.of(
                of,
                Cells.text(starts),
                Cells.text(inProgress),
                Cells.text(state.nextStartMillis() == 0 ? "now" : "in " + state.nextStartMillis() + " ms"),
                Cells.time(state.parkedUntil()),
                Cells.text(state.byOperator() ? "an operator" : "a declaration"),
                Cells.time(state.setAt()),
                unpark);
    }

    @PostMapping("/{destination}/unpark")
    ResponseEntity<byte[]> unpark(@PathVariable String destination, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        boolean changed =
                engine(visit).limiters().unpark(Limits.requireName("destination", destination), visit.because());
        return Page.redirect(visit.path(PATH, "done", changed ? "unparked" : "unchanged"));
    }
}
