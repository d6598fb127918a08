package io.postroom.rest;

import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.QueueMessages;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers the integration method CreateMessageQueue, and requests that find, follow, explain and cancel messages. */
@RestController
@RequestMapping(MessagesController.PATH)
class MessagesController extends ApiController {
    static final String PATH = "/api/v1/messages";

    private static final int LONGEST_PAGE = 200;

    private final QueueMessages queueMessages;

    MessagesController(QueueMessages queueMessages) {
        this.queueMessages = queueMessages;
    }

    @PostMapping
    void create(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String body = RequestBody.read(request);
        CreateMessage message = MessageRequest.read(body, unquoted(request.getHeader("Idempotency-Key")));
        Caller.of(request).ifPresent(caller -> caller.requireMayCreate(message));
        Created created = queueMessages.createMessage(message);
        response.setHeader(HttpHeaders.LOCATION, request.getContextPath() + PATH + "/" + created.id());
        send(
                response,
                created.isNew() ? 201 : 200,
                MessageAnswer.created(created, message.exchange().isPresent()));
    }

    /**
     * Answers what happened to all messages with a correlation id, the oldest first.
     *
     * @param limit most steps of the answer, 1 to 10,000; as many steps mean that there may be more
     */
    @GetMapping
    ResponseEntity<byte[]> path(
            @RequestParam(required = false) @Nullable String correlationId,
            @RequestParam(defaultValue = "1000") int limit) {
        if (correlationId == null) {
            throw new InvalidMessageException("correlationId", "given", "nothing");
        }
        return answer(200).body(MessageAnswer.path(correlationId, queueMessages.path(correlationId, limit)));
    }

    /**
     * Answers messages without their payloads, the newest first.
     *
     * @param state any of these states; none: whatever state
     * @param header name and value with = between them; several: all of these
     * @param before the last message of the page before
     * @param limit most messages, 1 to 200; as many mean that there may be more
     */
    @GetMapping("/search")
    ResponseEntity<byte[]> search(
            @RequestParam Optional<String> queue,
            @RequestParam(defaultValue = "") List<String> state,
            @RequestParam Optional<String> type,
            @RequestParam Optional<String> correlationId,
            @RequestParam Optional<String> fingerprint,
            @RequestParam Optional<String> createdFrom,
            @RequestParam Optional<String> createdTo,
            @RequestParam Optional<String> before,
            @RequestParam(defaultValue = "100") int limit,
            HttpServletRequest request) {
        Limits.requireRange("limit", limit, 1, LONGEST_PAGE);
        return answer(
                200,
                Answers.messages(queueMessages.findWithoutPayloads(new MessageFilter(
                        queue.map(name -> Limits.requireName("queue", name)),
                        state.stream().map(MessagesController::state).collect(Collectors.toSet()),
                        type.map(name -> Limits.requireName("type", name)),
                        correlationId.map(text -> Limits.requireText("correlationId", text, Limits.KEY_LENGTH)),
                        headers(request),
                        fingerprint.map(text -> Limits.requireText("fingerprint", text, Limits.KEY_LENGTH)),
                        createdFrom.map(time -> instant("createdFrom", time)),
                        createdTo.map(time -> instant("createdTo", time)),
                        before.map(id -> LedgerController.requireId("before", id)),
                        limit))));
    }

    /** Reads the parameters themselves: what binds them to a list would split a value at its commas. */
    private static Map<String, String> headers(HttpServletRequest request) {
        String[] given = request.getParameterValues("header");
        Map<String, String> headers = new LinkedHashMap<>();
        for (String one : given == null ? new String[0] : given) {
            Map.Entry<String, String> header = Limits.requireHeader("header", one);
            if (headers.put(header.getKey(), header.getValue()) != null) {
                throw new InvalidMessageException("header", "given once for each name", one);
            }
        }
        return headers;
    }

    private static MessageState state(String name) {
        try {
            return MessageState.valueOf(name);
        } catch (IllegalArgumentException unknown) {
            throw new InvalidMessageException(
                    "state",
                    "one of "
                            + Arrays.stream(MessageState.values())
                                    .map(MessageState::name)
                                    .collect(Collectors.joining(", ")),
                    name);
        }
    }

    private static Instant instant(String field, String text) {
        try {
            return MessageRequest.instant(text);
        } catch (InvalidMessageException unreadable) {
            throw new InvalidMessageException(field, unreadable.limit(), text);
        }
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> find(@PathVariable String id, HttpServletRequest request) {
        Message message = known(id);
        boolean withContent = Caller.of(request).map(Caller::seesContent).orElse(true);
        return answer(200).body(MessageAnswer.found(message, queueMessages.history(message.id()), withContent));
    }

    @GetMapping("/{id}/explain")
    ResponseEntity<byte[]> explain(@PathVariable String id) {
        UUID known = known(id).id();
        return answer(200).body(MessageAnswer.explained(known, queueMessages.explain(known)));
    }

    @PostMapping("/{id}/cancel")
    ResponseEntity<byte[]> cancel(@PathVariable String id, HttpServletRequest request) {
        UUID message = requireId(id);
        int cancelled = reason(request)
                .map(reason -> queueMessages.cancel(message, reason))
                .orElseGet(() -> queueMessages.cancel(message));
        return answer(200)
                .body(MessageAnswer.cancelled(
                        message, cancelled, known(id).state().name()));
    }

    private Message known(String id) {
        return queueMessages.find(requireId(id)).orElseThrow(() -> new ProblemException(Problem.unknownMessage(id)));
    }

    static UUID requireId(String text) {
        UUID id = MessageRequest.uuid(text);
        if (id == null) {
            throw new ProblemException(
                    Problem.malformed("A message's id is a UUID such as 0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f"));
        }
        return id;
    }

    /** Removes quotes, which the header's draft standard demands and most clients leave out. */
    private static @Nullable String unquoted(@Nullable String header) {
        return header != null && header.length() > 1 && header.startsWith("\"") && header.endsWith("\"")
                ? header.substring(1, header.length() - 1)
                : header;
    }
}
