package io.postroom.console;

import io.postroom.api.BulkSettings;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.DeadLetterPreview;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Operation;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.Reason;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import io.postroom.internal.postgres.console.FingerprintLine;
import io.postroom.internal.postgres.console.LettersByError;
import io.postroom.internal.postgres.console.MessageLine;
import io.postroom.internal.postgres.console.MessageQuery;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows dead letters by their errors, what a filter matches, and begins redrives and discards of many. */
@RestController
@RequestMapping({ConsoleController.ROOT + DeadLettersPages.PATH, ConsoleController.HOME + DeadLettersPages.PATH})
class DeadLettersPages extends DatabasePages {
    static final String PATH = "/dead-letters";
    private static final int FINGERPRINTS = 100;
    private static final List<String> REASONS = List.of(
            "",
            "attempts_spent",
            "rejected",
            "undecodable",
            "crash_limit",
            "quarantined",
            "expired",
            "maxlen",
            "dlx_unroutable",
            "cycle");

    DeadLettersPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    /** Shows all by their errors; or, with a queue, a fingerprint or a reason, those that match. */
    @GetMapping
    ResponseEntity<byte[]> show(
            @RequestParam(defaultValue = "") String queue,
            @RequestParam(defaultValue = "") String fingerprint,
            @RequestParam(defaultValue = "") String reason,
            @RequestParam(required = false) @Nullable String page,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Filter filter = new Filter(queue.strip(), fingerprint.strip(), reason.strip());
        Page shown = new Page(visit, PATH, "Dead letters");
        shown.search(
                PATH,
                Field.text("queue", "Queue", filter.queue),
                Field.text("fingerprint", "Fingerprint", filter.fingerprint),
                Field.choice("reason", "Reason", filter.reason, REASONS));
        if (filter.isEmpty()) {
            all(shown, page);
        } else {
            matching(shown, filter, page);
        }
        return shown.answer();
    }

    private void all(Page shown, @Nullable String page) {
        Visit visit = shown.visit();
        String after = PageToken.read(page, visit.path(PATH));
        Slice<FingerprintLine> slice = reads(visit).fingerprints(after == null ? "" : after, FINGERPRINTS);
        shown.table(
                "Dead letters by their errors",
                List.of("Fingerprint", "Letters", "Error", "Class", "Reason", "Queue of one", "Died"),
                slice.rows().stream().map(line -> row(visit, line)).toList(),
                "There is no dead letter.");
        shown.next(slice.next().map(last -> visit.path(PATH, "page", PageToken.write(last, visit.path(PATH)))));
    }

    private static List<Cell> row(Visit visit, FingerprintLine line) {
        return List.of(
                line.fingerprint()
                        .map(print -> Cells.link(print, visit.path(PATH, "fingerprint", print)))
                        .orElse(Cells.link(
                                "without an error", visit.path(PATH, "queue", line.queue(), "reason", line.reason()))),
                Cells.count(line.count(), line.most()),
                Cells.text(line.error()),
                Cells.text(line.errorClass()),
                Cells.text(line.reason()),
                Cells.link(line.queue(), visit.path(PATH, "queue", line.queue())),
                Cells.time(line.deadAt()));
    }

    /** Reads at a bounded cost. A pattern of queues goes to the preview, which looks at ten times as many letters. */
    private void matching(Page shown, Filter filter, @Nullable String page) {
        filter.requireValid();
        if (Limits.isQueuePattern(filter.queue)) {
            ofPattern(shown, filter);
            return;
        }
        LettersByError errors = reads(shown.visit())
                .errors(
                        Filter.given(filter.queue),
                        Filter.given(filter.fingerprint),
                        Filter.given(filter.reason),
                        FINGERPRINTS);
        if (errors.rows().isEmpty()) {
            requireKnown(shown.visit(), filter.queue);
        }
        counted(shown, filter, errors.count(), errors.more());
        if (filter.fingerprint.isEmpty() && !errors.rows().isEmpty()) {
            errors(
                    shown,
                    errors.rows().stream()
                            .map(line -> row(shown.visit(), filter, line))
                            .toList());
        }
        list(shown, filter, page);
    }

    /** A deleted queue is known while it has dead letters: somebody has to end them. */
    private void requireKnown(Visit visit, String queue) {
        if (!queue.isEmpty() && reads(visit).queueSettings(queue).rows().isEmpty()) {
            throw new QueueNotFoundException(queue, "It may have been deleted");
        }
    }

    private void ofPattern(Page shown, Filter filter) {
        DeadLetterPreview preview = engine(shown.visit()).deadLetters().preview(filter.forApi());
        counted(shown, filter, preview.count(), preview.more());
        if (filter.fingerprint.isEmpty() && !preview.fingerprints().isEmpty()) {
            errors(
                    shown,
                    preview.fingerprints().stream()
                            .map(group -> row(shown.visit(), filter, group))
                            .toList());
        }
        shown.table(
                "The oldest of them",
                List.of("Id", "Queue", "Died", "Reason", "Error"),
                preview.first().stream()
                        .map(letter -> row(shown.visit(), letter))
                        .toList(),
                "");
    }

    private static void errors(Page shown, List<List<Cell>> rows) {
        shown.table(
                "Their errors, the most frequent first",
                List.of("Fingerprint", "Letters", "Error", "Newest"),
                rows,
                "");
    }

    private static void counted(Page shown, Filter filter, long count, boolean more) {
        shown.text(Cells.grouped(count)
                + (more ? " or more" : "")
                + (count == 1 && !more ? " dead letter matches." : " dead letters match.")
                + (more ? " Not all were looked at; what is below takes all that match." : ""));
        if (count > 0 || more) {
            bulk(shown, filter);
        }
    }

    private static Cell error(Visit visit, Filter filter, Optional<String> fingerprint) {
        return fingerprint
                .map(print -> Cells.link(
                        print, visit.path(PATH, "queue", filter.queue, "reason", filter.reason, "fingerprint", print)))
                .orElse(Cells.text("without an error"));
    }

    private static List<Cell> row(Visit visit, Filter filter, FingerprintLine line) {
        return List.of(
                error(visit, filter, line.fingerprint()),
                Cells.number(line.count()),
                Cells.text(line.error()),
                Cells.time(line.deadAt()));
    }

    private static List<Cell> row(Visit visit, Filter filter, DeadLetterPreview.Fingerprint group) {
        return List.of(
                error(visit, filter, group.fingerprint()),
                Cells.number(group.count()),
                Cells.text(group.error()),
                Cells.time(group.newestAt()));
    }

    private void list(Page shown, Filter filter, @Nullable String page) {
        Visit visit = shown.visit();
        String[] token = {visit.path(PATH), filter.queue, filter.fingerprint, filter.reason};
        Slice<MessageLine> slice = reads(visit)
                .messages(
                        new MessageQuery(
                                MessageQuery.Place.DEAD,
                                Filter.given(filter.queue),
                                Optional.empty(),
                                Optional.empty(),
                                Map.of(),
                                Filter.given(filter.fingerprint),
                                Filter.given(filter.reason)),
                        PageToken.read(page, token),
                        MessagesPages.ROWS);
        MessagesPages.table(
                shown,
                slice.rows(),
                slice.next().isPresent()
                        ? "None among those looked at so far: go on."
                        : page == null ? "No dead letter matches." : "There are no more.");
        shown.next(slice.next()
                .map(key -> visit.path(
                        PATH,
                        "queue",
                        filter.queue,
                        "fingerprint",
                        filter.fingerprint,
                        "reason",
                        filter.reason,
                        "page",
                        PageToken.write(key, token))));
    }

    private static List<Cell> row(Visit visit, DeadLetterPreview.Letter letter) {
        return List.of(
                Cells.link(letter.id().toString(), visit.path(MessagesPages.PATH + "/" + letter.id())),
                Cells.link(letter.queue(), visit.path(QueuesPages.PATH + "/" + letter.queue())),
                Cells.time(letter.deadAt()),
                Cells.text(letter.reason()),
                Cells.text(letter.error()));
    }

    private static void bulk(Page page, Filter filter) {
        if (!page.visit().mayOperate()) {
            return;
        }
        BulkSettings usual = BulkSettings.because(Reason.of("-"));
        page.html().open("details").element("summary", "Redrive all that match");
        page.post(
                PATH + "/redrive",
                "Redrive",
                Field.hidden("queue", filter.queue),
                Field.hidden("fingerprint", filter.fingerprint),
                Field.hidden("deadReason", filter.reason),
                Field.required("reason", "Why"),
                Field.number("perSecond", "Messages a second", usual.perSecond()),
                Field.number("canary", "Tried first", usual.canary()),
                Field.number("canaryThreshold", "Stop when more of these die", usual.canaryThreshold()));
        page.html().close().line().open("details").element("summary", "Discard all that match");
        page.post(
                PATH + "/discard",
                "Discard",
                Field.hidden("queue", filter.queue),
                Field.hidden("fingerprint", filter.fingerprint),
                Field.hidden("deadReason", filter.reason),
                Field.required("reason", "Why"),
                Field.number("perSecond", "Messages a second", usual.perSecond()));
        page.html().close().line();
    }

    @PostMapping("/redrive")
    ResponseEntity<byte[]> redrive(
            @RequestParam(defaultValue = "") String queue,
            @RequestParam(defaultValue = "") String fingerprint,
            @RequestParam(defaultValue = "") String deadReason,
            @RequestParam(defaultValue = "") String reason,
            @RequestParam int perSecond,
            @RequestParam int canary,
            @RequestParam int canaryThreshold,
            HttpServletRequest request) {
        BulkSettings settings = settings(request, reason).perSecond(perSecond).canary(canary, canaryThreshold);
        return begun(
                request,
                engine(Visit.of(request))
                        .deadLetters()
                        .redrive(new Filter(queue, fingerprint, deadReason).forApi(), settings));
    }

    @PostMapping("/discard")
    ResponseEntity<byte[]> discard(
            @RequestParam(defaultValue = "") String queue,
            @RequestParam(defaultValue = "") String fingerprint,
            @RequestParam(defaultValue = "") String deadReason,
            @RequestParam(defaultValue = "") String reason,
            @RequestParam int perSecond,
            HttpServletRequest request) {
        BulkSettings settings = settings(request, reason).perSecond(perSecond);
        return begun(
                request,
                engine(Visit.of(request))
                        .deadLetters()
                        .discard(new Filter(queue, fingerprint, deadReason).forApi(), settings));
    }

    private static BulkSettings settings(HttpServletRequest request, String reason) {
        return BulkSettings.because(Visit.of(request).because(reason));
    }

    private static ResponseEntity<byte[]> begun(HttpServletRequest request, Operation operation) {
        return Page.redirect(Visit.of(request).path(OperationsPages.PATH + "/" + operation.id()));
    }

    /** What a page is about; a part that is empty sets no condition. */
    private record Filter(String queue, String fingerprint, String reason) {
        boolean isEmpty() {
            return queue.isEmpty() && fingerprint.isEmpty() && reason.isEmpty();
        }

        /** @throws InvalidMessageException it has no condition: the console redrives nothing by an empty form */
        DeadLetterFilter forApi() {
            DeadLetterFilter filter;
            if (!queue.isEmpty()) {
                filter = DeadLetterFilter.queue(queue);
            } else if (!fingerprint.isEmpty()) {
                filter = DeadLetterFilter.fingerprint(fingerprint);
            } else if (!reason.isEmpty()) {
                return DeadLetterFilter.json("{}").reason(reason);
            } else {
                throw new InvalidMessageException("filter", "a queue, a fingerprint or a reason", "nothing");
            }
            if (!fingerprint.isEmpty() && !queue.isEmpty()) {
                filter = filter.withFingerprint(fingerprint);
            }
            return reason.isEmpty() ? filter : filter.reason(reason);
        }

        void requireValid() {
            if (!REASONS.contains(reason)) {
                throw new InvalidMessageException(
                        "reason", "one of " + String.join(", ", REASONS.subList(1, REASONS.size())), reason);
            }
            if (!fingerprint.isEmpty()) {
                Limits.requireText("fingerprint", fingerprint, Limits.KEY_LENGTH);
            }
            if (!queue.isEmpty() && !Limits.isQueuePattern(queue)) {
                Limits.requireName("queue", queue);
            }
        }

        static Optional<String> given(String text) {
            return text.isEmpty() ? Optional.empty() : Optional.of(text);
        }
    }
}
