package io.postroom.console;

import io.postroom.api.ConsumerInfo;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Operation;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.StoreException;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import io.postroom.internal.postgres.console.Grid;
import io.postroom.internal.postgres.console.MinuteLine;
import io.postroom.internal.postgres.console.QueueLine;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows queues, and pauses, resumes and purges one. */
@RestController
@RequestMapping({ConsoleController.ROOT, ConsoleController.HOME})
class QueuesPages extends DatabasePages {
    static final String PATH = "/queues";
    private static final int ROWS = 100;
    /** A million messages in three to four minutes. The operation's page shows how far it is, and stops it. */
    private static final int PURGED_PER_SECOND = 5_000;

    private static final int MOST_BY_PRIORITY = 10_000;

    QueuesPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping({"", "/"})
    ResponseEntity<byte[]> start(HttpServletRequest request) {
        Visit visit = Visit.of(request);
        boolean isOverHomes = visit.hasHomes() && visit.home().isEmpty();
        return Page.redirect(visit.path(isOverHomes ? HomesPage.PATH : PATH));
    }

    @GetMapping(PATH)
    ResponseEntity<byte[]> list(
            @RequestParam(defaultValue = "") String name,
            @RequestParam(required = false) @Nullable String page,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        String part = name.strip();
        String after = PageToken.read(page, visit.path(PATH), part);
        Slice<QueueLine> slice = reads(visit).queues(part, after == null ? "" : after, ROWS);
        Page shown = new Page(visit, PATH, "Queues");
        shown.search(PATH, Field.text("name", "Name has", part));
        shown.refreshing("queues", 5, () -> {
            shown.table(
                    "Queues by name, with the messages in each",
                    List.of("Queue", "Ready", "Delayed", "In progress", "Dead", "Consumers", "Oldest ready", "State"),
                    slice.rows().stream().map(line -> row(visit, line)).toList(),
                    part.isEmpty()
                            ? "There is no queue yet: the first message makes one."
                            : "No queue's name has this.");
            shown.next(slice.next()
                    .map(last ->
                            visit.path(PATH, "name", part, "page", PageToken.write(last, visit.path(PATH), part))));
        });
        shown.html().element("p", "A count with a plus stops there: there are as many or more.", "class", "hint");
        return shown.answer();
    }

    private static List<Cell> row(Visit visit, QueueLine line) {
        return List.of(
                Cells.link(line.name(), visit.path(PATH + "/" + line.name())),
                Cells.count(line.ready(), line.most()),
                Cells.count(line.delayed(), line.moreDelayed() ? line.delayed() : line.most()),
                Cells.number(line.inProgress()),
                line.dead() == 0
                        ? Cells.count(0, line.most())
                        : html -> html.open(
                                        "a",
                                        "href",
                                        visit.path(DeadLettersPages.PATH, "queue", line.name()),
                                        "class",
                                        "n bad")
                                .text(Cells.grouped(line.dead()) + (line.dead() >= line.most() ? "+" : ""))
                                .close(),
                Cells.number(line.consumers()),
                Cells.time(line.oldestReadyAt()),
                line.paused()
                        ? Cells.state("paused")
                        : line.consumers() == 0 && line.ready() > 0 ? Cells.state("no consumer") : Cells.text(""));
    }

    @GetMapping(PATH + "/{queue}")
    ResponseEntity<byte[]> one(
            @PathVariable String queue,
            @RequestParam(required = false) @Nullable String done,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        QueueLine line = find(visit, queue);
        Page page = new Page(visit, PATH, queue);
        Done.show(page, done);
        page.refreshing("counts", 3, () -> {
            if (line.paused()) {
                page.alert("The queue is paused: no process takes messages of it.");
            }
            page.facts(counts(visit, line));
            priorities(page, queue, line);
        });
        if (visit.isPart()) {
            return page.answer();
        }
        actions(page, line);
        minutes(page, queue);
        consumers(page, queue);
        Grid settings = reads(visit).queueSettings(queue);
        page.heading("Settings").facts(Grids.facts(settings));
        page.heading("Bindings to this queue")
                .table(
                        "Bindings to this queue",
                        List.of("Exchange", "Routing key", "Arguments"),
                        Grids.rows(reads(visit).bindingsTo(queue)),
                        "No exchange leads here; messages name the queue.");
        return page.answer();
    }

    private QueueLine find(Visit visit, String queue) {
        Limits.requireName("queue", queue);
        return reads(visit)
                .queue(queue)
                .orElseThrow(() -> new QueueNotFoundException(queue, "It may have been deleted"));
    }

    private static Map<String, Cell> counts(Visit visit, QueueLine line) {
        Map<String, Cell> counts = new LinkedHashMap<>();
        counts.put("Ready", linked(visit, line, "READY", line.ready(), line.ready() >= line.most()));
        counts.put("Delayed", linked(visit, line, "DELAYED", line.delayed(), line.moreDelayed()));
        counts.put("In progress", linked(visit, line, "IN_PROGRESS", line.inProgress(), false));
        counts.put("Dead", linked(visit, line, "DEAD", line.dead(), line.dead() >= line.most()));
        counts.put("Consumers", Cells.number(line.consumers()));
        line.oldestReadyAt().ifPresent(at -> counts.put("Oldest ready", Cells.time(at)));
        return counts;
    }

    private static Cell linked(Visit visit, QueueLine line, String state, long count, boolean orMore) {
        return Cells.link(
                Cells.grouped(count) + (orMore ? "+" : ""),
                visit.path(MessagesPages.PATH, "queue", line.name(), "state", state));
    }

    private void priorities(Page page, String queue, QueueLine line) {
        List<Long> ready = reads(page.visit()).readyByPriority(queue, MOST_BY_PRIORITY);
        if (line.ready() == 0 || ready.stream().filter(count -> count > 0).count() < 2) {
            return;
        }
        Map<String, Long> bars = new LinkedHashMap<>();
        for (int i = 0; i < ready.size(); i++) {
            if (ready.get(i) > 0) {
                bars.put("priority " + (9 - i), ready.get(i));
            }
        }
        Bars.write(page.html(), "Ready by priority", bars, MOST_BY_PRIORITY);
    }

    /** A slow database costs the chart, not the page. */
    private void minutes(Page page, String queue) {
        List<MinuteLine> minutes;
        try {
            minutes = reads(page.visit()).minutes(queue);
        } catch (StoreException slow) {
            page.text("The last minutes could not be read in time.");
            return;
        }
        Columns.write(page, minutes);
    }

    private static void actions(Page page, QueueLine line) {
        page.html().open("div", "class", "actions");
        String path = PATH + "/" + line.name();
        page.post(path + (line.paused() ? "/resume" : "/pause"), line.paused() ? "Resume" : "Pause");
        page.html().close();
        if (page.visit().mayOperate() && line.ready() + line.delayed() > 0) {
            page.html().open("details").element("summary", "Cancel all that waits");
            page.post(
                    path + "/purge", "Cancel all waiting messages", Field.required("confirm", "Type the queue's name"));
            page.html().close().line();
        }
    }

    private void consumers(Page page, String queue) {
        List<ConsumerInfo> live = engine(page.visit()).consumers().list(queue);
        page.heading("Consumers")
                .table(
                        "Live consumers of this queue",
                        List.of("Process", "Handlers", "State", "Holds", "Since", "Last heartbeat"),
                        live.stream().map(QueuesPages::consumer).toList(),
                        "No process consumes this queue.");
        if (page.visit().mayOperate() && !live.isEmpty()) {
            page.html().open("div", "class", "actions");
            page.post(PATH + "/" + queue + "/consumers/stop", "Stop all consumers");
            page.post(PATH + "/" + queue + "/consumers/start", "Start consumers");
            page.html().close().line();
        }
    }

    private static List<Cell> consumer(ConsumerInfo consumer) {
        return List.of(
                Cells.text(consumer.worker()),
                Cells.text(String.join(", ", consumer.handlers())),
                Cells.state(consumer.state().name()),
                Cells.number(consumer.inFlight()),
                Cells.time(consumer.startedAt()),
                Cells.time(consumer.lastSeen()));
    }

    @PostMapping(PATH + "/{queue}/pause")
    ResponseEntity<byte[]> pause(@PathVariable String queue, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        engine(visit).queues().pause(Limits.requireName("queue", queue), visit.because());
        return done(request, queue, "paused");
    }

    @PostMapping(PATH + "/{queue}/resume")
    ResponseEntity<byte[]> resume(@PathVariable String queue, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        engine(visit).queues().resume(Limits.requireName("queue", queue), visit.because());
        return done(request, queue, "resumed");
    }

    @PostMapping(PATH + "/{queue}/purge")
    ResponseEntity<byte[]> purge(
            @PathVariable String queue, @RequestParam(defaultValue = "") String confirm, HttpServletRequest request) {
        if (!confirm.strip().equals(queue)) {
            throw new InvalidMessageException("confirm", "the queue's name; nothing was cancelled", confirm);
        }
        Visit visit = Visit.of(request);
        Operation purge =
                engine(visit).queues().purge(Limits.requireName("queue", queue), visit.because(), PURGED_PER_SECOND);
        return Page.redirect(visit.path(OperationsPages.PATH + "/" + purge.id()));
    }

    /** Does not wait for receipts: the page shows them as they come. */
    @PostMapping(PATH + "/{queue}/consumers/stop")
    ResponseEntity<byte[]> stopConsumers(@PathVariable String queue, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        engine(visit).consumers().stopAll(Limits.requireName("queue", queue), Duration.ZERO, visit.because());
        return done(request, queue, "stopping");
    }

    @PostMapping(PATH + "/{queue}/consumers/start")
    ResponseEntity<byte[]> startConsumers(@PathVariable String queue, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        engine(visit).consumers().start(Limits.requireName("queue", queue), visit.because());
        return done(request, queue, "started");
    }

    private static ResponseEntity<byte[]> done(HttpServletRequest request, String queue, String what) {
        return Page.redirect(Visit.of(request).path(PATH + "/" + queue, "done", what));
    }
}
