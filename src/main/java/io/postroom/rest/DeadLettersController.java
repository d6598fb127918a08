package io.postroom.rest;

import io.postroom.api.DeadLetters;
import io.postroom.api.InvalidMessageException;
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

/** Answers requests that discard dead letters. */
@RestController
@RequestMapping(DeadLettersController.PATH)
class DeadLettersController extends ApiController {
    static final String PATH = "/api/v1/dead-letters";

    private final DeadLetters deadLetters;

    DeadLettersController(DeadLetters deadLetters) {
        this.deadLetters = deadLetters;
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

    /** The reason of a request. Its actor is the login of the request where it has one, else the member {@code actor}. */
    static Reason reason(JsonMembers given, HttpServletRequest request) {
        String text = given.text("reason").orElseThrow(() -> new InvalidMessageException("reason", "given", "nothing"));
        Optional<String> login = Optional.ofNullable(request.getRemoteUser());
        return new Reason(text, login.or(() -> given.text("actor")));
    }
}
