package io.postroom.rest;

import io.postroom.api.Durations;
import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.api.Limiters;
import io.postroom.api.Limits;
import io.postroom.api.QueueNotFoundException;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that set, remove and look at limiters of queues and of destinations. */
@RestController
@RequestMapping(LimitersController.PATH)
class LimitersController extends ApiController {
    static final String PATH = "/api/v1/limiters";

    private final Limiters limiters;

    LimitersController(Limiters limiters) {
        this.limiters = limiters;
    }

    @GetMapping
    ResponseEntity<byte[]> list() {
        return listed("limiters", limiters.list(), LimitersController::shown);
    }

    /** Sets the limiter of a queue as a whole: a member that is left out does not limit. */
    @PutMapping("/queues/{queue}")
    ResponseEntity<byte[]> setOfQueue(@PathVariable String queue, HttpServletRequest request) throws IOException {
        return set(Limiter.ofQueue(queue), request);
    }

    @PutMapping("/destinations/{destination}")
    ResponseEntity<byte[]> setOfDestination(@PathVariable String destination, HttpServletRequest request)
            throws IOException {
        return set(Limiter.ofDestination(destination), request);
    }

    private ResponseEntity<byte[]> set(Limiter named, HttpServletRequest request) throws IOException {
        JsonMembers given = JsonMembers.read(
                RequestBody.read(request),
                "maxStarts",
                "period",
                "window",
                "maxInProgress",
                "maxStartsPerGroup",
                "periodPerGroup",
                "maxInProgressPerGroup");
        Limiter limiter = new Limiter(
                named.queue(),
                named.destination(),
                given.integer("maxStarts"),
                given.text("period").map(time -> Durations.parse("period", time)),
                given.text("window").map(Limiter.Window::ofWord).orElse(Limiter.Window.SLIDING),
                given.integer("maxInProgress"),
                given.integer("maxStartsPerGroup"),
                given.text("periodPerGroup").map(time -> Durations.parse("periodPerGroup", time)),
                given.integer("maxInProgressPerGroup"));
        limiters.set(limiter);
        return answer(200, shown(limiter));
    }

    @DeleteMapping("/queues/{queue}")
    ResponseEntity<byte[]> remove(@PathVariable String queue) {
        return answer(200, Map.of("removed", limiters.remove(queue)));
    }

    @DeleteMapping("/destinations/{destination}")
    ResponseEntity<byte[]> removeFromDestination(@PathVariable String destination) {
        Limits.requireName("destination", destination);
        return answer(200, Map.of("removed", limiters.removeFromDestination(destination)));
    }

    @Override
    @ExceptionHandler
    ResponseEntity<byte[]> refused(QueueNotFoundException refused) {
        return answer(Problem.unknownQueue(refused));
    }

    private static Map<String, Object> shown(Limiter limiter) {
        Map<String, Object> shown = new LinkedHashMap<>();
        limiter.queue().ifPresent(queue -> shown.put("queue", queue));
        limiter.destination().ifPresent(destination -> shown.put("destination", destination));
        limiter.maxStarts().ifPresent(starts -> shown.put("maxStarts", starts));
        limiter.period().ifPresent(period -> shown.put("period", period.toString()));
        if (limiter.period().isPresent() || limiter.periodPerGroup().isPresent()) {
            shown.put("window", limiter.window().word());
        }
        limiter.maxInProgress().ifPresent(messages -> shown.put("maxInProgress", messages));
        limiter.maxStartsPerGroup().ifPresent(starts -> shown.put("maxStartsPerGroup", starts));
        limiter.periodPerGroup().ifPresent(period -> shown.put("periodPerGroup", period.toString()));
        limiter.maxInProgressPerGroup().ifPresent(messages -> shown.put("maxInProgressPerGroup", messages));
        return shown;
    }

    private static Map<String, Object> shown(LimiterState state) {
        Map<String, Object> shown = shown(state.limiter());
        shown.put("starts", state.starts());
        shown.put("inProgress", state.inProgress());
        shown.put("nextStart", state.nextStart().toString());
        shown.put("groupsAtLimit", state.groupsAtLimit());
        shown.put("byOperator", state.byOperator());
        shown.put("setAt", state.setAt().toString());
        return shown;
    }
}
