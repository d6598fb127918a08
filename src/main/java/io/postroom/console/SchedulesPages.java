package io.postroom.console;

import io.postroom.api.Schedule;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.ScheduleNotFoundException;
import io.postroom.api.ScheduleRun;
import io.postroom.api.ScheduleState;
import io.postroom.console.Cells.Cell;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows schedules and their runs, and pauses, resumes and runs one. */
@RestController
@RequestMapping({ConsoleController.ROOT + SchedulesPages.PATH, ConsoleController.HOME + SchedulesPages.PATH})
class SchedulesPages extends DatabasePages {
    static final String PATH = "/schedules";
    private static final int ROWS = 100;
    private static final int NEXT_RUNS = 5;

    SchedulesPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping
    ResponseEntity<byte[]> list(@RequestParam(required = false) @Nullable String page, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        String after = PageToken.read(page, visit.path(PATH));
        List<ScheduleInfo> rows = engine(visit).schedules().list(after == null ? "" : after, ROWS);
        Page shown = new Page(visit, PATH, "Schedules");
        shown.table(
                "Schedules by name",
                List.of("Schedule", "State", "When", "Next", "Last", "To", "Error"),
                rows.stream().map(info -> row(visit, info)).toList(),
                "There is no schedule.");
        shown.next(Slice.of(rows, ROWS, ScheduleInfo::name)
                .next()
                .map(next -> visit.path(PATH, "page", PageToken.write(next, visit.path(PATH)))));
        return shown.answer();
    }

    private static List<Cell> row(Visit visit, ScheduleInfo info) {
        return List.of(
                Cells.link(info.name(), visit.path(PATH + "/" + info.name())),
                Cells.state(info.state().name()),
                Cells.text(timing(info.timing())),
                Cells.time(info.nextAt()),
                Cells.time(info.lastFiredAt()),
                target(visit, info),
                Cells.text(info.error()));
    }

    private static Cell target(Visit visit, ScheduleInfo info) {
        return info.queue()
                .map(queue -> Cells.link(queue, visit.path(QueuesPages.PATH + "/" + queue)))
                .or(() -> info.exchange()
                        .map(name -> Cells.link("exchange " + name, visit.path(ExchangesPage.PATH, "exchange", name))))
                .orElse(Cells.text(""));
    }

    private static String timing(Schedule.Timing timing) {
        if (timing instanceof Schedule.Timing.Cron cron) {
            return cron.expression() + " in " + cron.zone();
        } else if (timing instanceof Schedule.Timing.Every every) {
            return "every " + every.period();
        } else if (timing instanceof Schedule.Timing.AfterEnd afterEnd) {
            return afterEnd.pause() + " after the end of the one before";
        }
        return "once at " + ((Schedule.Timing.At) timing).instant();
    }

    @GetMapping("/{name}")
    ResponseEntity<byte[]> one(
            @PathVariable String name,
            @RequestParam(required = false) @Nullable String done,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        ScheduleInfo info = engine(visit).schedules().find(name).orElseThrow(() -> new ScheduleNotFoundException(name));
        Page page = new Page(visit, PATH, "Schedule " + info.name());
        Done.show(page, done);
        Map<String, Cell> facts = new LinkedHashMap<>();
        facts.put("State", Cells.state(info.state().name()));
        facts.put("When", Cells.text(timing(info.timing())));
        facts.put("To", target(visit, info));
        facts.put("Missed times", Cells.text(info.missed().name().toLowerCase(Locale.ROOT)));
        facts.put("Overlap", Cells.text(info.overlap().name().toLowerCase(Locale.ROOT)));
        facts.put("Set by", Cells.text(info.byOperator() ? "an operator" : "a declaration"));
        info.error().ifPresent(error -> facts.put("Error", Cells.text(error)));
        page.facts(facts);
        page.html().open("div", "class", "actions");
        boolean isPaused = info.state() == ScheduleState.PAUSED;
        page.post(PATH + "/" + info.name() + (isPaused ? "/resume" : "/pause"), isPaused ? "Resume" : "Pause");
        page.post(PATH + "/" + info.name() + "/run", "Run it now");
        page.html().close().line();
        if (info.state() == ScheduleState.ACTIVE || isPaused) {
            page.heading("Next times");
            page.html().open("ul");
            engine(visit).schedules().nextRuns(info.name(), NEXT_RUNS).forEach(at -> {
                page.html().open("li");
                Cells.time(at).write(page.html());
                page.html().close();
            });
            page.html().close().line();
        }
        page.heading("Last runs")
                .table(
                        "The last 20 runs, the newest first",
                        List.of("Planned", "Fired", "Outcome", "Message"),
                        engine(visit).schedules().runs(info.name()).stream()
                                .map(run -> row(visit, run))
                                .toList(),
                        "It has not run yet.");
        return page.answer();
    }

    private static List<Cell> row(Visit visit, ScheduleRun run) {
        return List.of(
                Cells.time(run.plannedAt()),
                Cells.time(run.firedAt()),
                Cells.state(run.outcome().name()),
                run.messageId()
                        .map(id -> Cells.link(id.toString(), visit.path(MessagesPages.PATH + "/" + id)))
                        .orElse(Cells.text("")));
    }

    @PostMapping("/{name}/pause")
    ResponseEntity<byte[]> pause(@PathVariable String name, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        engine(visit).schedules().pause(name, visit.because());
        return done(request, name, "paused");
    }

    @PostMapping("/{name}/resume")
    ResponseEntity<byte[]> resume(@PathVariable String name, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        engine(visit).schedules().resume(name, visit.because());
        return done(request, name, "resumed");
    }

    @PostMapping("/{name}/run")
    ResponseEntity<byte[]> run(@PathVariable String name, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        engine(visit).schedules().runNow(name, visit.because());
        return done(request, name, "fired");
    }

    private static ResponseEntity<byte[]> done(HttpServletRequest request, String name, String what) {
        return Page.redirect(Visit.of(request).path(PATH + "/" + name, "done", what));
    }
}
