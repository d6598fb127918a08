package io.postroom.rest;

import io.postroom.api.Consumers;
import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Operation;
import io.postroom.api.PurgePreview;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.Queues;
import io.postroom.api.Reason;
import io.postroom.api.Receipts;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * Answers requests that declare, count, pause and delete queues, and that list, stop and start their consumers.
 *
 * <p>How many to stop must be said, {@code all} included, and an unknown parameter is refused: a misspelt one would stop all, or delete a
 * queue that is in use.
 */
@RestController
@RequestMapping(QueuesController.PATH)
class QueuesController extends ApiController {
    static final String PATH = "/api/v1/queues";

    private static final int USUAL_RATE = 1000;
    private static final Duration USUAL_DEADLINE = Duration.ofSeconds(10);
    /** Each request that waits holds a thread of the web server. */
    private static final Duration LONGEST_DEADLINE = Duration.ofMinutes(1);

    private final Queues queues;
    private final Consumers consumers;

    QueuesController(Queues queues, Consumers consumers) {
        this.queues = queues;
        this.consumers = consumers;
    }

    @GetMapping
    ResponseEntity<byte[]> all() {
        return answer(200, Answers.queues(queues.stats()));
    }

    @GetMapping("/{queue}")
    ResponseEntity<byte[]> one(@PathVariable String queue) {
        Limits.requireName("queue", queue);
        return answer(200, Answers.queue(queues.stats(queue).orElseThrow(() -> unknown(queue))));
    }

    /** Declares a queue. The body is an object, and {} is enough. */
    @PutMapping("/{queue}")
    ResponseEntity<byte[]> declare(@PathVariable String queue, HttpServletRequest request) throws IOException {
        QueueSettings settings = QueueRequest.read(queue, RequestBody.read(request));
        reason(request).ifPresentOrElse(reason -> queues.declare(settings, reason), () -> queues.declare(settings));
        return answer(200, Map.of("declared", queue));
    }

    /**
     * @param ifEmpty refuse while anything waits, is in progress or dead
     * @param ifUnused refuse while it has a live consumer
     */
    @DeleteMapping("/{queue}")
    ResponseEntity<byte[]> delete(
            @PathVariable String queue,
            @RequestParam(defaultValue = "false") boolean ifEmpty,
            @RequestParam(defaultValue = "false") boolean ifUnused,
            HttpServletRequest request) {
        Limits.requireName("queue", queue);
        Optional<Reason> given = reason(request);
        boolean isDeleted;
        try {
            isDeleted = given.map(reason -> queues.delete(queue, ifEmpty, ifUnused, reason))
                    .orElseGet(() -> queues.delete(queue, ifEmpty, ifUnused));
        } catch (IllegalStateException inUse) {
            throw new ProblemException(Problem.inUse(inUse));
        }
        if (!isDeleted) {
            throw unknown(queue);
        }
        return answer(200, Map.of("deleted", queue));
    }

    @GetMapping("/{queue}/purge")
    ResponseEntity<byte[]> previewPurge(@PathVariable String queue) {
        PurgePreview preview = queues.previewPurge(Limits.requireName("queue", queue));
        return answer(
                200,
                Map.of(
                        "count",
                        preview.count(),
                        "more",
                        preview.more(),
                        "first",
                        preview.first().stream().map(QueuesController::shown).toList()));
    }

    /** Begins an operation. */
    @PostMapping("/{queue}/purge")
    ResponseEntity<byte[]> purge(@PathVariable String queue, HttpServletRequest request) throws IOException {
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "reason", "actor", "perSecond");
        Operation purge = queues.purge(
                Limits.requireName("queue", queue),
                DeadLettersController.reason(given, request),
                given.integer("perSecond").orElse(USUAL_RATE));
        return answer(202, Answers.operation(purge.status()));
    }

    @PostMapping("/{queue}/pause")
    ResponseEntity<byte[]> pause(@PathVariable String queue, HttpServletRequest request) {
        Limits.requireName("queue", queue);
        reason(request).ifPresentOrElse(reason -> queues.pause(queue, reason), () -> queues.pause(queue));
        return answer(200, Map.of("paused", queue));
    }

    @PostMapping("/{queue}/resume")
    ResponseEntity<byte[]> resume(@PathVariable String queue, HttpServletRequest request) {
        Limits.requireName("queue", queue);
        reason(request).ifPresentOrElse(reason -> queues.resume(queue, reason), () -> queues.resume(queue));
        return answer(200, Map.of("resumed", queue));
    }

    @GetMapping("/{queue}/consumers")
    ResponseEntity<byte[]> list(@PathVariable String queue) {
        return answer(200).body(ConsumersAnswer.list(queue, consumers.list(queue)));
    }

    @PostMapping("/{queue}/consumers/stop")
    ResponseEntity<byte[]> stop(
            @PathVariable String queue,
            @RequestParam(required = false) @Nullable String howMany,
            @RequestParam(required = false) @Nullable String deadline,
            HttpServletRequest request) {
        Optional<Reason> reason = reason(request);
        Duration wait = deadline == null ? USUAL_DEADLINE : requireDeadline(deadline);
        if ("all".equals(howMany)) {
            return receipts(
                    queue,
                    reason.map(given -> consumers.stopAll(queue, wait, given))
                            .orElseGet(() -> consumers.stopAll(queue, wait)));
        }
        int count = requireCount(howMany);
        return receipts(
                queue,
                reason.map(given -> consumers.stop(queue, count, wait, given))
                        .orElseGet(() -> consumers.stop(queue, count, wait)));
    }

    private static ResponseEntity<byte[]> receipts(String queue, Receipts receipts) {
        return answer(200).body(ConsumersAnswer.receipts(queue, receipts));
    }

    @PostMapping("/{queue}/consumers/start")
    ResponseEntity<byte[]> start(@PathVariable String queue, HttpServletRequest request) {
        int started =
                reason(request).map(reason -> consumers.start(queue, reason)).orElseGet(() -> consumers.start(queue));
        return answer(200).body(ConsumersAnswer.started(queue, started));
    }

    private static Duration requireDeadline(String text) {
        Duration deadline = Durations.parse("deadline", text);
        if (deadline.isNegative() || deadline.compareTo(LONGEST_DEADLINE) > 0) {
            throw new InvalidMessageException("deadline", "PT0S to PT1M", text);
        }
        return deadline;
    }

    private static int requireCount(@Nullable String text) {
        try {
            int count = Integer.parseInt(String.valueOf(text));
            if (count > 0) {
                return count;
            }
        } catch (NumberFormatException noNumber) {
            // refused below
        }
        throw new InvalidMessageException("howMany", "1 or more, or all", text == null ? "nothing" : text);
    }

    @Override
    @ExceptionHandler
    ResponseEntity<byte[]> refused(InvalidMessageException refused) {
        return answer(Problem.invalidRequest(refused));
    }

    @Override
    @ExceptionHandler
    ResponseEntity<byte[]> refused(QueueNotFoundException refused) {
        return answer(Problem.unknownQueue(refused));
    }

    private static QueueNotFoundException unknown(String queue) {
        return new QueueNotFoundException(queue, "Check its name, or declare it with PUT");
    }

    private static Map<String, Object> shown(PurgePreview.Waiting message) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("id", message.id().toString());
        shown.put("state", message.state().name());
        message.type().ifPresent(type -> shown.put("type", type));
        message.createdAt().ifPresent(at -> shown.put("createdAt", at.toString()));
        return shown;
    }
}
