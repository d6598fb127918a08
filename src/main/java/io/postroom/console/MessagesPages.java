package io.postroom.console;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import io.postroom.internal.postgres.console.ConsoleReads;
import io.postroom.internal.postgres.console.MessageLine;
import io.postroom.internal.postgres.console.MessageQuery;
import io.postroom.internal.postgres.console.MessageQuery.Place;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Looks for messages. */
@RestController
@RequestMapping("${postroom.console.path:/console}")
class MessagesPages extends ConsoleController {
    static final String PATH = "/messages";
    static final int ROWS = 50;
    private static final List<String> STATES = Stream.concat(
                    Stream.of(""), Arrays.stream(Place.values()).skip(1).map(Place::name))
            .toList();

    private final ConsoleReads reads;

    MessagesPages(ConsoleGuard guard, ConsoleReads reads) {
        super(guard);
        this.reads = reads;
    }

    /** @param id leads to the message itself */
    @GetMapping(PATH)
    ResponseEntity<byte[]> list(
            @RequestParam(defaultValue = "") String id,
            @RequestParam(defaultValue = "") String queue,
            @RequestParam(defaultValue = "") String state,
            @RequestParam(defaultValue = "") String type,
            @RequestParam(defaultValue = "") String correlation,
            @RequestParam(required = false) @Nullable String page,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        if (!id.isBlank()) {
            return Page.redirect(visit.path(PATH + "/" + requireId(id)));
        }
        MessageQuery query = query(queue.strip(), state.strip(), type.strip(), correlation.strip());
        String[] filter = {PATH, queue.strip(), query.place().name(), type.strip(), correlation.strip()};
        Slice<MessageLine> slice = reads.messages(query, PageToken.read(page, filter), ROWS);
        Page shown = new Page(visit, PATH, "Messages");
        shown.search(
                PATH,
                Field.text("id", "Id", ""),
                Field.text("queue", "Queue", queue),
                Field.choice(
                        "state",
                        "State",
                        query.place() == Place.ANY ? "" : query.place().name(),
                        STATES),
                Field.text("type", "Type", type),
                Field.text("correlation", "Correlation id", correlation));
        Optional<String> next = slice.next()
                .map(key -> visit.path(
                        PATH,
                        "queue",
                        queue.strip(),
                        "state",
                        state.strip(),
                        "type",
                        type.strip(),
                        "correlation",
                        correlation.strip(),
                        "page",
                        PageToken.write(key, filter)));
        table(
                shown,
                slice.rows(),
                next.isPresent() ? "None among those looked at so far: go on." : "No message is like this.");
        return shown.next(next).answer();
    }

    static Page table(Page page, List<MessageLine> lines, String empty) {
        return page.table(
                "Messages",
                List.of(
                        "Id",
                        "Queue",
                        "State",
                        "Type",
                        "Priority",
                        "Deliveries",
                        "Correlation id",
                        "Created",
                        "Since or due",
                        "Why"),
                lines.stream().map(line -> row(page.visit(), line)).toList(),
                empty);
    }

    private static List<Cell> row(Visit visit, MessageLine line) {
        List<Cell> cells = new ArrayList<>();
        cells.add(html -> html.open("a", "href", visit.path(PATH + "/" + line.id()))
                .element("code", line.id().toString())
                .close());
        cells.add(Cells.link(line.queue(), visit.path(QueuesPages.PATH + "/" + line.queue())));
        cells.add(Cells.state(line.state()));
        cells.add(
                Cells.text(line.type().map(type -> type + "/" + line.version()).orElse("")));
        cells.add(Cells.number(line.priority()));
        cells.add(Cells.number(line.deliveries()));
        cells.add(line.correlationId()
                .map(id -> Cells.link(id, visit.path(PATH, "correlation", id)))
                .orElse(Cells.text("")));
        cells.add(Cells.time(line.createdAt()));
        cells.add(Cells.time(line.at()));
        cells.add(Cells.text(line.note()));
        return cells;
    }

    private static MessageQuery query(String queue, String state, String type, String correlation) {
        Place place = place(state);
        if (!queue.isEmpty()) {
            Limits.requireName("queue", queue);
        } else if (place == Place.READY || place == Place.GROUPED) {
            throw new InvalidMessageException("queue", "given with the state " + place, "nothing");
        }
        if (!type.isEmpty()) {
            if (place == Place.READY || place == Place.GROUPED || place == Place.IN_PROGRESS) {
                throw new InvalidMessageException("type", "left out with the state " + place, type);
            }
            Limits.requireName("type", type);
        }
        if (!correlation.isEmpty()) {
            Limits.requireText("correlation", correlation, Limits.KEY_LENGTH);
            boolean canBe =
                    place == Place.ANY || place == Place.DONE || place == Place.CANCELLED || place == Place.EXPIRED;
            if (!canBe) {
                throw new InvalidMessageException(
                        "state", "any, DONE, CANCELLED or EXPIRED with a correlation id", state);
            }
        }
        return new MessageQuery(place, given(queue), given(type), given(correlation), Optional.empty());
    }

    private static Optional<String> given(String text) {
        return text.isEmpty() ? Optional.empty() : Optional.of(text);
    }

    private static Place place(String state) {
        if (state.isEmpty()) {
            return Place.ANY;
        }
        try {
            return Place.valueOf(state.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException unknown) {
            throw new InvalidMessageException("state", "one of " + STATES.subList(1, STATES.size()), state);
        }
    }
}
