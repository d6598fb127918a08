package io.postroom.console;

import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.api.Limiters;
import io.postroom.api.Limits;
import io.postroom.console.Cells.Cell;
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
@RequestMapping("${postroom.console.path:/console}" + LimitsPage.PATH)
class LimitsPage extends ConsoleController {
    static final String PATH = "/limits";

    private final Limiters limiters;

    LimitsPage(ConsoleGuard guard, Limiters limiters) {
        super(guard);
        this.limiters = limiters;
    }

    @GetMapping
    ResponseEntity<byte[]> show(@RequestParam(required = false) @Nullable String done, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Page page = new Page(visit, PATH, "Limits");
        Done.show(page, done);
        page.refreshing(
                "limits",
                3,
                () -> page.table(
                        "Limiters of queues and destinations",
                        List.of("Of", "Starts", "In progress", "Next start", "Parked until", "Set by", "Set", ""),
                        limiters.list().stream().map(state -> row(page, state)).toList(),
                        "Nothing is limited."));
        return page.answer();
    }

    private static List<Cell> row(Page page, LimiterState state) {
        Limiter limiter = state.limiter();
        Visit visit = page.visit();
        Cell of = limiter.queue()
                .map(queue -> Cells.link("queue " + queue, visit.path(QueuesPages.PATH + "/" + queue)))
                .orElse(Cells.text("destination " + limiter.destination().orElse("")));
        String starts = limiter.maxStarts()
                .map(most -> state.starts() + " of " + most + " in "
                        + limiter.period().map(Object::toString).orElse(""))
                .orElse("");
        String inProgress = Cells.grouped(state.inProgress())
                + limiter.maxInProgress()
                        .map(most -> " of " + Cells.grouped(most))
                        .orElse("");
        Cell unpark = html -> {
            if (state.parkedUntil().isPresent() && limiter.destination().isPresent()) {
                page.post(PATH + "/" + limiter.destination().get() + "/unpark", "Let it start again");
            }
        };
        return List.of(
                of,
                Cells.text(starts),
                Cells.text(inProgress),
                Cells.text(
                        state.nextStart().isZero()
                                ? "now"
                                : "in " + state.nextStart().toMillis() + " ms"),
                Cells.time(state.parkedUntil()),
                Cells.text(state.byOperator() ? "an operator" : "a declaration"),
                Cells.time(state.setAt()),
                unpark);
    }

    @PostMapping("/{destination}/unpark")
    ResponseEntity<byte[]> unpark(@PathVariable String destination, HttpServletRequest request) {
        boolean changed = limiters.unpark(Limits.requireName("destination", destination));
        return Page.redirect(Visit.of(request).path(PATH, "done", changed ? "unparked" : "unchanged"));
    }
}
