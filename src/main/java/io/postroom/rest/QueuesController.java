package io.postroom.rest;

import io.postroom.api.Consumers;
import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.Receipts;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * Answers requests about the consumers of a queue: list, stop, start.
 *
 * <p>How many to stop must be said, {@code all} included, and an unknown parameter is refused: a misspelt one would stop all.
 */
@RestController
@RequestMapping(QueuesController.PATH)
class QueuesController extends ApiController {
    static final String PATH = "/api/v1/queues";

    private static final Set<String> PARAMETERS = Set.of("howMany", "deadline");
    private static final Duration USUAL_DEADLINE = Duration.ofSeconds(10);
    /** Each request that waits holds a thread of the web server. */
    private static final Duration LONGEST_DEADLINE = Duration.ofMinutes(1);

    private final Consumers consumers;

    QueuesController(Consumers consumers) {
        this.consumers = consumers;
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
        for (String name : request.getParameterMap().keySet()) {
            if (!PARAMETERS.contains(name)) {
                throw new InvalidMessageException(name, "left out: there is no such parameter", "given");
            }
        }
        Duration wait = deadline == null ? USUAL_DEADLINE : requireDeadline(deadline);
        Receipts receipts = "all".equals(howMany)
                ? consumers.stopAll(queue, wait)
                : consumers.stop(queue, requireCount(howMany), wait);
        return answer(200).body(ConsumersAnswer.receipts(queue, receipts));
    }

    @PostMapping("/{queue}/consumers/start")
    ResponseEntity<byte[]> start(@PathVariable String queue) {
        return answer(200).body(ConsumersAnswer.started(queue, consumers.start(queue)));
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
}
