package io.postroom.rest;

import io.postroom.api.Created;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.StoreException;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Answers the integration method CreateMessageQueue, and requests that find, explain and cancel a message. */
@RestController
@RequestMapping(MessagesController.PATH)
class MessagesController {
    static final String PATH = "/api/v1/messages";

    private static final Logger log = LoggerFactory.getLogger(MessagesController.class);
    private static final Duration WHEN_AWAY = Duration.ofSeconds(5);
    private static final Duration WHEN_BUSY = Duration.ofSeconds(1);

    private final QueueMessages queueMessages;

    MessagesController(QueueMessages queueMessages) {
        this.queueMessages = queueMessages;
    }

    @PostMapping
    ResponseEntity<byte[]> create(HttpServletRequest request) throws IOException {
        String body = RequestBody.read(request);
        Created created =
                queueMessages.createMessage(MessageRequest.read(body, unquoted(request.getHeader("Idempotency-Key"))));
        return answer(created.isNew() ? 201 : 200)
                .header(HttpHeaders.LOCATION, request.getContextPath() + PATH + "/" + created.id())
                .body(MessageAnswer.created(created));
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
    ResponseEntity<byte[]> cancel(@PathVariable String id) {
        int cancelled = queueMessages.cancel(requireId(id));
        Message message = known(id);
        return answer(200)
                .body(MessageAnswer.cancelled(
                        message.id(), cancelled, message.state().name()));
    }

    private Message known(String id) {
        return queueMessages.find(requireId(id)).orElseThrow(() -> new ProblemException(Problem.unknownMessage(id)));
    }

    private static UUID requireId(String text) {
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

    // ---- refusals

    @ExceptionHandler
    ResponseEntity<byte[]> refused(ProblemException refused) {
        return answer(refused.problem());
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(InvalidMessageException refused) {
        return answer(Problem.invalid(refused));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(DuplicateMessageException refused) {
        return answer(Problem.duplicate(refused));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(QueueNotFoundException refused) {
        return answer(Problem.invalid(new InvalidMessageException("queue", "one that exists", refused.queue())));
    }

    /** Answers a client that stopped sending; it will hardly read the answer. */
    @ExceptionHandler
    ResponseEntity<byte[]> brokenOff(IOException gone) {
        log.debug("a request broke off", gone);
        return answer(Problem.malformed("The body broke off"));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> failed(StoreException failed) {
        if (failed.mayPass()) {
            log.debug("answered 503", failed);
            return answer(
                    Problem.unavailable(failed.kind() == StoreException.Kind.UNAVAILABLE ? WHEN_AWAY : WHEN_BUSY));
        }
        return broken(failed);
    }

    @ExceptionHandler
    ResponseEntity<byte[]> broken(RuntimeException failed) {
        log.error("a request failed", failed);
        return answer(Problem.internal());
    }

    private static ResponseEntity<byte[]> answer(Problem problem) {
        ResponseEntity.BodyBuilder answer = answer(problem.status());
        problem.retryAfter()
                .ifPresent(wait -> answer.header(HttpHeaders.RETRY_AFTER, String.valueOf(wait.toSeconds())));
        return answer.contentType(MediaType.parseMediaType(Problem.CONTENT_TYPE))
                .body(problem.toJson());
    }

    /** Begins an answer that no cache may keep and no browser may read as anything but JSON. */
    private static ResponseEntity.BodyBuilder answer(int status) {
        return ResponseEntity.status(status)
                .contentType(MediaType.APPLICATION_JSON)
                .header("X-Content-Type-Options", "nosniff")
                .header(HttpHeaders.CACHE_CONTROL, "no-store");
    }
}
