package io.postroom.rest;

import io.postroom.api.BulkSettings;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.DeadLetters;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Operation;
import io.postroom.api.QueueMessages;
import io.postroom.api.Reason;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that redrive or discard a dead letter, or many of them. */
@RestController
@RequestMapping(DeadLettersController.PATH)
class DeadLettersController extends ApiController {
    static final String PATH = "/api/v1/dead-letters";

    private final DeadLetters deadLetters;
    private final QueueMessages queueMessages;

    DeadLettersController(DeadLetters deadLetters, QueueMessages queueMessages) {
        this.deadLetters = deadLetters;
        this.queueMessages = queueMessages;
    }

    /** Puts a single dead letter back into its queues. It needs no body. */
    @PostMapping("/{id}/redrive")
    ResponseEntity<byte[]> redrive(@PathVariable String id, HttpServletRequest request) {
        UUID message = MessagesController.requireId(id);
        int redriven = reason(request)
                .map(reason -> queueMessages.redrive(message, reason))
                .orElseGet(() -> queueMessages.redrive(message));
        return answer(200, Map.of("redriven", redriven));
    }

    @PostMapping("/{id}/discard")
    ResponseEntity<byte[]> discard(@PathVariable String id, HttpServletRequest request) throws IOException {
        UUID message = MessagesController.requireId(id);
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "reason", "queue", "actor");
        Reason reason = reason(given, request);
        Optional<String> queue = given.text("queue");
        int discarded = queue.isPresent()
                ? deadLetters.discard(message, queue.get(), reason)
                : deadLetters.discard(message, reason);
        return answer(200, Map.of("discarded", discarded));
    }

    /** Answers what a filter matches, and changes nothing. */
    @PostMapping("/preview")
    ResponseEntity<byte[]> preview(HttpServletRequest request) throws IOException {
        DeadLetterFilter filter = filter(JsonMembers.read(RequestBody.read(request), "filter"));
        return answer(200, Answers.preview(deadLetters.preview(filter)));
    }

    @PostMapping("/redrive")
    ResponseEntity<byte[]> redriveMany(HttpServletRequest request) throws IOException {
        JsonMembers given = JsonMembers.read(
                RequestBody.read(request), "filter", "reason", "actor", "perSecond", "canary", "canaryThreshold");
        BulkSettings usual = BulkSettings.because(reason(given, request));
        BulkSettings settings = usual.perSecond(given.integer("perSecond").orElse(usual.perSecond()))
                .canary(
                        given.integer("canary").orElse(usual.canary()),
                        given.integer("canaryThreshold").orElse(usual.canaryThreshold()));
        return begun(deadLetters.redrive(filter(given), settings));
    }

    @PostMapping("/discard")
    ResponseEntity<byte[]> discardMany(HttpServletRequest request) throws IOException {
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "filter", "reason", "actor", "perSecond");
        BulkSettings usual = BulkSettings.because(reason(given, request));
        BulkSettings settings = usual.perSecond(given.integer("perSecond").orElse(usual.perSecond()));
        return begun(deadLetters.discard(filter(given), settings));
    }

    private static ResponseEntity<byte[]> begun(Operation operation) {
        return answer(202, Answers.operation(operation.status()));
    }

    private static DeadLetterFilter filter(JsonMembers given) {
        return given.json("filter")
                .map(DeadLetterFilter::json)
                .orElseThrow(() -> new InvalidMessageException("filter", "given", "nothing"));
    }

    /** The reason of a request. Who is its actor, says {@link Caller#actor}. */
    static Reason reason(JsonMembers given, HttpServletRequest request) {
        String text = given.text("reason").orElseThrow(() -> new InvalidMessageException("reason", "given", "nothing"));
        return new Reason(text, Caller.actor(request, given.text("actor")));
    }
}
