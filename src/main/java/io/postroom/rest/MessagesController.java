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
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
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
    private static final Set<String> SEARCH_PARAMETERS = Set.of(
            "queue", "state", "type", "correlationId", "fingerprint", "createdFrom", "createdTo", "before", "limit");

    private final QueueMessages queueMessages;

    MessagesController(QueueMessages queueMessages) {
        this.queueMessages = queueMessages;
    }

    @PostMapping
    ResponseEntity<byte[]> create(HttpServletRequest request) throws IOException {
        String body = RequestBody.read(request);
        CreateMessage message = MessageRequest.read(body, unquoted(request.getHeader("Idempotency-Key")));
        Created created = queueMessages.createMessage(message);
        return answer(created.isNew() ? 201 : 200)
                .header(HttpHeaders.LOCATION, request.getContextPath() + PATH + "/" + created.id())
                .body(MessageAnswer.created(created, message.exchange().isPresent()));
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
        requireKnown(request, SEARCH_PARAMETERS); // a misspelt one would find everything
        // a message of such a page is read whole, and may have 1 MiB
        Limits.requireRange("limit", limit, 1, LONGEST_PAGE);
        return answer(
                200,
                Answers.messages(queueMessages.find(new MessageFilter(
                        queue.map(name -> Limits.requireName("queue", name)),
                        state.stream().map(MessagesController::state).collect(Collectors.toSet()),
                        type.map(name -> Limits.requireName("type", name)),
                        correlationId.map(text -> Limits.requireText("correlationId", text, Limits.KEY_LENGTH)),
                        fingerprint.map(text -> Limits.requireText("fingerprint", text, Limits.KEY_LENGTH)),
                        createdFrom.map(time -> instant("createdFrom", time)),
                        createdTo.map(time -> instant("createdTo", time)),
                        before.map(id -> LedgerController.requireId("before", id)),
                        limit))));
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
    ResponseEntity<byte[]> find(@PathVariable String id) {
        Message message = known(id);
        return answer(200).body(MessageAnswer.found(message, queueMessages.history(message.id())));
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
