package io.postroom.rest;

import io.postroom.api.DeadLetters;
import io.postroom.api.OperationStatus;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.json.JsonMapper;

/** Answers requests that look at operations on many dead letters, and stop them. */
@RestController
@RequestMapping("/api/v1/operations")
class OperationsController extends ApiController {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final DeadLetters deadLetters;

    OperationsController(DeadLetters deadLetters) {
        this.deadLetters = deadLetters;
    }

    @GetMapping
    ResponseEntity<byte[]> list(@RequestParam(defaultValue = "100") int limit) {
        return listed("operations", deadLetters.operations(limit), OperationsController::shown);
    }

    @GetMapping("/{id}")
    ResponseEntity<byte[]> find(@PathVariable String id) {
        return deadLetters
                .operation(MessagesController.requireId(id))
                .map(status -> answer(200, shown(status)))
                .orElseThrow(() -> new ProblemException(Problem.unknownOperation(id)));
    }

    @PostMapping("/{id}/stop")
    ResponseEntity<byte[]> stop(@PathVariable String id, HttpServletRequest request) throws IOException {
        UUID operation = MessagesController.requireId(id);
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "reason", "actor");
        boolean stopped = deadLetters.stop(operation, DeadLettersController.reason(given, request));
        return answer(200, Map.of("stopped", stopped));
    }

    static Map<String, Object> shown(OperationStatus status) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("id", status.id().toString());
        shown.put("verb", status.verb());
        shown.put("state", status.state());
        shown.put("filter", JSON.readTree(status.filter()));
        shown.put("actor", status.actor());
        shown.put("reason", status.reason());
        shown.put("planned", status.planned());
        shown.put("processed", status.processed());
        shown.put("failed", status.failed());
        shown.put("perSecond", status.perSecond());
        shown.put("canary", status.canary());
        shown.put("canaryThreshold", status.canaryThreshold());
        shown.put("waitsForCanary", status.waitsForCanary());
        status.note().ifPresent(note -> shown.put("note", note));
        shown.put("createdAt", status.createdAt().toString());
        status.finishedAt().ifPresent(at -> shown.put("finishedAt", at.toString()));
        return shown;
    }
}
