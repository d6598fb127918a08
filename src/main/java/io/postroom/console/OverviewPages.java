package io.postroom.console;

import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.HolderKind;
import io.postroom.api.LedgerCheck;
import io.postroom.api.LedgerLine;
import io.postroom.console.Cells.Cell;
import io.postroom.internal.postgres.console.ConsoleReads;
import io.postroom.internal.postgres.console.Slice;
import io.postroom.internal.postgres.console.WorkerLine;
import jakarta.servlet.http.HttpServletRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows processes and their consumers, what people did, and the database. */
@RestController
@RequestMapping({ConsoleController.ROOT, ConsoleController.HOME})
class OverviewPages extends DatabasePages {
    private static final String WORKERS = "/workers";
    private static final String LEDGER = "/ledger";
    private static final String LEDGER_CHECK = LEDGER + "/check";
    private static final String DATABASE = "/database";
    private static final int ROWS = 100;
    private static final int MOST_HOLDERS = 10;

    OverviewPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping(WORKERS)
    ResponseEntity<byte[]> workers(HttpServletRequest request) {
        Page page = new Page(Visit.of(request), WORKERS, "Workers and consumers");
        ConsoleReads reads = reads(page.visit());
        page.refreshing("workers", 5, () -> {
            page.table(
                    "Processes, those that run first",
                    List.of(
                            "Process",
                            "State",
                            "Version",
                            "Address",
                            "Consumers",
                            "Holds",
                            "Started",
                            "Last heartbeat"),
                    reads.workers().stream().map(OverviewPages::row).toList(),
                    "No process has worked here yet.");
            page.heading("Consumers");
            Grids.table(page, "Consumers of all queues", reads.consumers(), "No process consumes a queue.");
        });
        return page.answer();
    }

    private static List<Cell> row(WorkerLine worker) {
        String state = worker.live() ? "live" : worker.stoppedAt().isPresent() ? "ended" : "silent";
        return List.of(
                Cells.text(worker.name()),
                Cells.state(state),
                Cells.text(worker.version()),
                Cells.text(worker.address()),
                Cells.number(worker.consumers()),
                Cells.number(worker.holds()),
                Cells.time(worker.startedAt()),
                Cells.time(worker.stoppedAt().orElse(worker.beatAt())));
    }

    @GetMapping(LEDGER)
    ResponseEntity<byte[]> ledger(@RequestParam(required = false) @Nullable String page, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Slice<LedgerLine> slice = reads(visit).ledger(PageToken.read(page, visit.path(LEDGER)), ROWS);
        Page shown = new Page(visit, LEDGER, "Ledger");
        shown.text("What people did, the last first.");
        shown.table(
                "What people did",
                List.of("When", "Who", "What", "About", "Moved", "Reason", "Note", "Database login"),
                slice.rows().stream().map(line -> row(visit, line)).toList(),
                "Nobody did anything yet.");
        shown.link("Check that no line was changed", visit.path(LEDGER_CHECK));
        shown.next(slice.next().map(key -> visit.path(LEDGER, "page", PageToken.write(key, visit.path(LEDGER)))));
        return shown.answer();
    }

    @GetMapping(LEDGER_CHECK)
    ResponseEntity<byte[]> ledgerCheck(HttpServletRequest request) {
        Page page = new Page(Visit.of(request), LEDGER, "Check of the ledger");
        LedgerCheck check = reads(page.visit()).ledgerCheck();
        if (check.isWhole()) {
            page.notice("The chain is whole: " + check.lines() + " lines.");
        } else {
            page.alert("Broken at line " + check.brokenNumber().orElseThrow() + ": "
                    + check.problem().orElseThrow() + ".");
        }
        Map<String, Cell> facts = new LinkedHashMap<>();
        check.brokenId().ifPresent(id -> facts.put("Broken line", Cells.code(id.toString())));
        facts.put("Lines in the chain", Cells.number(check.lines()));
        check.lastNumber().ifPresent(number -> facts.put("Last line", Cells.number(number)));
        check.lastHash().ifPresent(hash -> facts.put("Its hash", Cells.code(hash)));
        facts.put("Not sealed yet", Cells.number(check.unsealed()));
        page.facts(facts);
        page.text("Keep the last line and its hash outside of the database. Only a check against them, by command, HTTP"
                + " or SQL, shows that the last lines were removed or that the whole chain was written anew.");
        return page.answer();
    }

    private static List<Cell> row(Visit visit, LedgerLine line) {
        return List.of(
                Cells.time(line.at()),
                Cells.text(line.actor()),
                Cells.text(line.action()),
                about(visit, line),
                Cells.number(line.done()),
                Cells.text(line.reason()),
                Cells.text(line.note()),
                Cells.text(line.dbUser()));
    }

    private static Cell about(Visit visit, LedgerLine line) {
        if (line.operation().isPresent()) {
            return Cells.link(
                    "operation",
                    visit.path(OperationsPages.PATH + "/" + line.operation().get()));
        }
        if (line.message().isPresent()) {
            return Cells.link(
                    "message",
                    visit.path(MessagesPages.PATH + "/" + line.message().get()));
        }
        return line.queue()
                .map(queue -> Cells.link(queue, visit.path(QueuesPages.PATH + "/" + queue)))
                .orElse(Cells.text(line.filter()));
    }

    @GetMapping(DATABASE)
    ResponseEntity<byte[]> database(HttpServletRequest request) {
        Page page = new Page(Visit.of(request), DATABASE, "Database");
        ConsoleReads reads = reads(page.visit());
        page.facts(Grids.facts(reads.database()));
        page.heading("Who keeps old rows");
        page.text("VACUUM removes no row that one of these may still see. A long one makes queues slow.");
        page.table(
                "Those that hold most first",
                List.of("Kind", "Name", "Details", "Transactions", "Seconds"),
                reads.horizon().stream()
                        .limit(MOST_HOLDERS)
                        .map(OverviewPages::row)
                        .toList(),
                "Nobody: no transaction is open.");
        page.heading("Largest tables");
        Grids.table(page, "Tables with their days, the largest first", reads.tables(), "There is no table.");
        page.heading("Last purges");
        Grids.table(page, "What was removed after its retention", reads.purges(), "Nothing was removed yet.");
        return page.answer();
    }

    private static List<Cell> row(Holder holder) {
        String name = holder.kind() == HolderKind.SESSION ? "pid " + holder.name() : holder.name();
        return List.of(
                Cells.text(holder.kind().name().toLowerCase(Locale.ROOT).replace('_', ' ')),
                Cells.text(name),
                Cells.text(Stream.of(holder.application(), holder.user(), holder.state())
                        .flatMap(Optional::stream)
                        .collect(Collectors.joining(", "))),
                Cells.text(holder.transactions().map(String::valueOf)),
                Cells.text(holder.seconds().map(String::valueOf)));
    }
}
