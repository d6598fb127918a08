package io.postroom.console;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import io.postroom.internal.postgres.console.MessageLine;
import io.postroom.internal.postgres.console.MessageQuery;
import io.postroom.internal.postgres.console.MessageQuery.Place;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Looks for messages. */
@RestController
@RequestMapping({ConsoleController.ROOT, ConsoleController.HOME})
class MessagesPages extends DatabasePages {
    static final String PATH = "/messages";
    static final int ROWS = 50;
    private static final List<String> STATES = Stream.concat(
                    Stream.of(""), Arrays.stream(Place.values()).skip(1).map(Place::name))
            .toList();

    MessagesPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    /** @param id leads to the message itself */
    @GetMapping(PATH)
    ResponseEntity<byte[]> list(
            @RequestParam(defaultValue = "") String id,
            @RequestParam(defaultValue = "") String queue,
            @RequestParam(defaultValue = "") String state,
            @RequestParam(defaultValue = "") String type,
            @RequestParam(defaultValue = "") String correlation,
            @RequestParam(defaultValue = "") String header,
            @RequestParam(defaultValue = "") String before,
            @RequestParam(required = false) @Nullable String page,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        if (!id.isBlank()) {
            return Page.redirect(visit.path(PATH + "/" + requireId(id)));
        }
        MessageQuery query = query(queue.strip(), state.strip(), type.strip(), correlation.strip(), header.strip());
        String[] filter = {
            visit.path(PATH),
            queue.strip(),
            query.place().name(),
            type.strip(),
            correlation.strip(),
            header.strip(),
            before.strip()
        };
        String start = before.isBlank() ? null : startBefore(query, before.strip());
        String after = PageToken.read(page, filter);
        Slice<MessageLine> slice = reads(visit).messages(query, after == null ? start : after, ROWS);
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
                Field.text("correlation", "Correlation id", correlation),
                Field.text("header", "Header, as in source=shell", header),
                Field.text("before", "Created before, as in 2027-01-31T12:00:00Z", before));
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
                        "header",
                        header.strip(),
                        "before",
                        before.strip(),
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

    private static MessageQuery query(String queue, String state, String type, String correlation, String header) {
        Place place = place(state);
        if (!queue.isEmpty()) {
            Limits.requireName("queue", queue);
        } else if (place == Place.READY || place == Place.GROUPED) {
            throw new InvalidMessageException("queue", "given with the state " + place, "nothing");
        }
        if (!type.isEmpty()) {
            requireLookedAt("type", type, place);
            Limits.requireName("type", type);
        }
        Map<String, String> headers = Map.of();
        if (!header.isEmpty()) {
            requireLookedAt("header", header, place);
            headers = Map.ofEntries(Limits.requireHeader("header", header));
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
        return new MessageQuery(
                place, given(queue), given(type), given(correlation), headers, Optional.empty(), Optional.empty());
    }

    /** Lists in the order of claims read no message that they do not show. */
    private static void requireLookedAt(String field, String text, Place place) {
        if (place == Place.READY || place == Place.GROUPED || place == Place.IN_PROGRESS) {
            throw new InvalidMessageException(field, "left out with the state " + place, text);
        }
    }

    /** Begins a list that goes by ids at those of a time: an id begins with the milliseconds of its creation. */
    private static String startBefore(MessageQuery query, String before) {
        if (!query.goesByIds()) {
            throw new InvalidMessageException(
                    "before", "left out with the state " + query.place() + ", whose list has another order", before);
        }
        long millis = requireTime("before", A_TIME, before).toEpochMilli();
        if (millis >= 0 && millis < 1L << 47) {
            return new UUID(millis << 16, 0) + ".0";
        }
        throw new InvalidMessageException("before", A_TIME, before);
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
