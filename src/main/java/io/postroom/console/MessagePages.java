package io.postroom.console;

import io.postroom.api.Attempt;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.api.QueueEntry;
import io.postroom.api.Reason;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows a message: where it stands and why, what happened to it, its content, and what can be done now. */
@RestController
@RequestMapping({ConsoleController.ROOT + MessagesPages.PATH, ConsoleController.HOME + MessagesPages.PATH})
class MessagePages extends DatabasePages {
    private final MaskedFields masked;

    MessagePages(ConsoleGuard guard, ConsoleDatabases databases, MaskedFields masked) {
        super(guard, databases);
        this.masked = masked;
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> one(
            @PathVariable String id,
            @RequestParam(required = false) @Nullable String done,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        UUID known = requireId(id);
        Optional<Message> found = engine(visit).queueMessages().find(known);
        if (found.isEmpty()) {
            return new Page(visit, MessagesPages.PATH, "Unknown message")
                    .text("There is no message " + known + ". It was purged after its retention, or never was.")
                    .answer(404);
        }
        Message message = found.get();
        Page page = new Page(visit, MessagesPages.PATH, "Message " + known);
        Done.show(page, done);
        page.refreshing("standing", 3, () -> standing(page, message));
        if (visit.isPart()) {
            return page.answer();
        }
        actions(page, message);
        page.heading("About it").facts(facts(visit, message));
        page.heading("Content");
        PayloadText content = PayloadText.of(message, masked);
        if (!content.note().isEmpty()) {
            page.text(content.note());
        }
        if (!content.text().isEmpty()) {
            page.preformatted("Content", content.text());
        }
        if (!message.headers().isEmpty()) {
            page.heading("Headers").facts(texts(message.headers()));
        }
        return page.answer();
    }

    private void standing(Page page, Message message) {
        page.table(
                "Where it stands",
                List.of("Queue", "State", "Failures", "Crashes", "Deliveries", "Due", "Expires", "Last error"),
                message.entries().stream()
                        .map(entry -> entry(page.visit(), entry))
                        .toList(),
                "It is in no queue.");
        List<String> explained = engine(page.visit()).queueMessages().explain(message.id());
        if (!explained.isEmpty()) {
            page.heading("Why it is not running");
            page.html().open("ul", "class", "explain");
            explained.forEach(line -> page.html().element("li", line));
            page.html().close().line();
        }
        List<Attempt> history = engine(page.visit()).queueMessages().history(message.id());
        page.heading("What happened")
                .table(
                        "What happened, the oldest first",
                        List.of("When", "Outcome", "Delivery", "Queue", "Process", "Took", "Error or note"),
                        timeline(message, history),
                        "");
    }

    private static List<Cell> entry(Visit visit, QueueEntry entry) {
        return List.of(
                Cells.link(entry.queue(), visit.path(QueuesPages.PATH + "/" + entry.queue())),
                Cells.state(entry.state().name()),
                Cells.number(entry.failures()),
                Cells.number(entry.crashes()),
                Cells.number(entry.deliveries()),
                Cells.time(entry.dueAt()),
                Cells.time(entry.expiresAt()),
                lines(entry.error()));
    }

    private static List<List<Cell>> timeline(Message message, List<Attempt> history) {
        List<List<Cell>> rows = new ArrayList<>();
        Cell none = Cells.text("");
        rows.add(List.of(Cells.time(message.createdAt()), Cells.state("created"), none, none, none, none, none));
        for (Attempt attempt : history) {
            boolean ran = attempt.number() > 0;
            rows.add(List.of(
                    Cells.time(attempt.finishedAt()),
                    Cells.state(attempt.outcome()),
                    ran ? Cells.number(attempt.number()) : none,
                    Cells.text(attempt.queue()),
                    Cells.text(attempt.worker()),
                    ran
                            ? Cells.text(Cells.grouped(attempt.finishedAt().toEpochMilli()
                                            - attempt.startedAt().toEpochMilli())
                                    + " ms")
                            : none,
                    lines(attempt.error().or(attempt::note))));
        }
        return rows;
    }

    /** The first line, and the others for those who open it. */
    private static Cell lines(Optional<String> given) {
        return html -> given.ifPresent(text -> {
            int end = text.indexOf('\n');
            if (end < 0) {
                html.text(text);
            } else {
                html.open("details").element("summary", text.substring(0, end));
                html.element("pre", text.substring(end + 1), "tabindex", "0").close();
            }
        });
    }

    private static Map<String, Cell> facts(Visit visit, Message message) {
        Map<String, Cell> facts = new LinkedHashMap<>();
        if (!message.type().isEmpty()) {
            facts.put("Type", Cells.text(message.type() + "/" + message.version()));
        }
        facts.put("Direction", Cells.text(message.direction().name().toLowerCase(java.util.Locale.ROOT)));
        facts.put("Priority", Cells.number(message.priority()));
        message.correlationId()
                .ifPresent(id ->
                        facts.put("Correlation id", Cells.link(id, visit.path(MessagesPages.PATH, "correlation", id))));
        message.group().ifPresent(group -> facts.put("Group", Cells.text(group)));
        message.exchange().ifPresent(exchange -> {
            facts.put("Exchange", Cells.text(exchange));
            facts.put("Routing key", Cells.text(message.routingKey()));
        });
        facts.put("Content type", Cells.text(message.contentType()));
        facts.put("Created", Cells.time(message.createdAt()));
        return facts;
    }

    private static Map<String, Cell> texts(Map<String, String> texts) {
        Map<String, Cell> cells = new LinkedHashMap<>();
        texts.forEach((name, text) -> cells.put(name, Cells.text(text)));
        return cells;
    }

    private static void actions(Page page, Message message) {
        Set<MessageState> states = message.entries().stream()
                .map(QueueEntry::state)
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(MessageState.class)));
        String path = MessagesPages.PATH + "/" + message.id();
        page.html().open("div", "class", "actions");
        if (states.contains(MessageState.READY) || states.contains(MessageState.DELAYED)) {
            page.post(path + "/cancel", "Cancel");
        }
        if (states.contains(MessageState.DELAYED)) {
            page.post(path + "/now", "Make it due now");
        }
        if (states.contains(MessageState.IN_PROGRESS)) {
            page.post(path + "/cancel-running", "Cancel while it runs");
        }
        if (states.contains(MessageState.DEAD)) {
            page.post(path + "/redrive", "Redrive");
            page.post(path + "/discard", "Discard", Field.required("reason", "Why it is discarded"));
        }
        page.html().close().line();
    }

    @PostMapping("/{id}/cancel")
    ResponseEntity<byte[]> cancel(@PathVariable String id, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        return done(request, id, engine(visit).queueMessages().cancel(requireId(id), visit.because()), "cancelled");
    }

    @PostMapping("/{id}/cancel-running")
    ResponseEntity<byte[]> cancelRunning(@PathVariable String id, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        return done(
                request, id, engine(visit).queueMessages().cancelRunning(requireId(id), visit.because()), "cancelled");
    }

    @PostMapping("/{id}/now")
    ResponseEntity<byte[]> makeDue(@PathVariable String id, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        return done(
                request,
                id,
                engine(visit).queueMessages().reschedule(requireId(id), Instant.EPOCH, visit.because()),
                "moved");
    }

    @PostMapping("/{id}/redrive")
    ResponseEntity<byte[]> redrive(@PathVariable String id, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        return done(request, id, engine(visit).queueMessages().redrive(requireId(id), visit.because()), "redriven");
    }

    @PostMapping("/{id}/discard")
    ResponseEntity<byte[]> discard(
            @PathVariable String id, @RequestParam(defaultValue = "") String reason, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Reason why = visit.because(reason);
        return done(request, id, engine(visit).deadLetters().discard(requireId(id), why), "discarded");
    }

    private static ResponseEntity<byte[]> done(HttpServletRequest request, String id, int changed, String what) {
        return Page.redirect(Visit.of(request)
                .path(MessagesPages.PATH + "/" + requireId(id), "done", changed > 0 ? what : "unchanged"));
    }
}
