package io.postroom.console;

import io.postroom.api.Batch;
import io.postroom.console.Cells.Cell;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows batches and how far they are. */
@RestController
@RequestMapping({ConsoleController.ROOT + BatchesPage.PATH, ConsoleController.HOME + BatchesPage.PATH})
class BatchesPage extends DatabasePages {
    static final String PATH = "/batches";
    private static final int ROWS = 50;

    BatchesPage(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping
    ResponseEntity<byte[]> show(@RequestParam(required = false) @Nullable String page, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        List<Batch> rows = engine(visit).batches().list(true, PageToken.readId(page, visit.path(PATH)), ROWS);
        Page shown = new Page(visit, PATH, "Batches");
        shown.refreshing(
                "batches",
                5,
                () -> shown.table(
                        "Batches, the newest first",
                        List.of(
                                "Batch",
                                "State",
                                "Members",
                                "Waiting",
                                "In progress",
                                "Done",
                                "Dead",
                                "Cancelled",
                                "Created",
                                "Problem"),
                        rows.stream().map(BatchesPage::row).toList(),
                        "There is no batch."));
        shown.next(Slice.of(rows, ROWS, batch -> batch.id().toString())
                .next()
                .map(next -> visit.path(PATH, "page", PageToken.write(next, visit.path(PATH)))));
        return shown.answer();
    }

    private static List<Cell> row(Batch batch) {
        return List.of(
                Cells.text(batch.name()),
                Cells.state(batch.state().name()),
                Cells.number(batch.total()),
                Cells.number(batch.waiting()),
                Cells.number(batch.inProgress()),
                Cells.number(batch.done()),
                Cells.number(batch.dead()),
                Cells.number(batch.cancelled() + batch.expired()),
                Cells.time(batch.createdAt()),
                Cells.text(batch.problem()));
    }
}
