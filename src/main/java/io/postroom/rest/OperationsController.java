package io.postroom.rest;

import io.postroom.api.DeadLetters;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.Map;
import java.util.UUID;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that look at operations on many dead letters, and stop them. */
@RestController
@RequestMapping("/api/v1/operations")
class OperationsController extends ApiController {
    private final DeadLetters deadLetters;

    OperationsController(DeadLetters deadLetters) {
        this.deadLetters = deadLetters;
    }

    @GetMapping
    ResponseEntity<byte[]> list(@RequestParam(defaultValue = "100") int limit) {
        return answer(200, Answers.operations(deadLetters.operations(limit)));
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> find(@PathVariable String id) {
        return deadLetters
                .operation(MessagesController.requireId(id))
                .map(status -> answer(200, Answers.operation(status)))
                .orElseThrow(() -> new ProblemException(Problem.unknownOperation(id)));
    }

    @PostMapping("/{id}/stop")
    ResponseEntity<byte[]> stop(@PathVariable String id, HttpServletRequest request) throws IOException {
        UUID operation = MessagesController.requireId(id);
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "reason", "actor");
        boolean stopped = deadLetters.stop(operation, DeadLettersController.reason(given, request));
        return answer(200, Map.of("stopped", stopped));
    }
}
