package io.postroom.rest;

import io.postroom.api.Limiter;
import io.postroom.api.Limiters;
import io.postroom.api.Limits;
import io.postroom.api.QueueNotFoundException;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
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
        return answer(200, Answers.limiters(limiters.list()));
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
        Limiter limiter = LimiterRequest.read(named, RequestBody.read(request));
        reason(request).ifPresentOrElse(reason -> limiters.set(limiter, reason), () -> limiters.set(limiter));
        return answer(200, Answers.limiter(limiter));
    }

    @DeleteMapping("/queues/{queue}")
    ResponseEntity<byte[]> remove(@PathVariable String queue, HttpServletRequest request) {
        boolean removed =
                reason(request).map(reason -> limiters.remove(queue, reason)).orElseGet(() -> limiters.remove(queue));
        return answer(200, Map.of("removed", removed));
    }

    @DeleteMapping("/destinations/{destination}")
    ResponseEntity<byte[]> removeFromDestination(@PathVariable String destination, HttpServletRequest request) {
        Limits.requireName("destination", destination);
        boolean removed = reason(request)
                .map(reason -> limiters.removeFromDestination(destination, reason))
                .orElseGet(() -> limiters.removeFromDestination(destination));
        return answer(200, Map.of("removed", removed));
    }

    /** Lets messages of a parked destination start again. */
    @PostMapping("/destinations/{destination}/unpark")
    ResponseEntity<byte[]> unpark(@PathVariable String destination, HttpServletRequest request) {
        Limits.requireName("destination", destination);
        boolean unparked = reason(request)
                .map(reason -> limiters.unpark(destination, reason))
                .orElseGet(() -> limiters.unpark(destination));
        return answer(200, Map.of("unparked", unparked));
    }

    @Override
    @ExceptionHandler
    ResponseEntity<byte[]> refused(QueueNotFoundException refused) {
        return answer(Problem.unknownQueue(refused));
    }
}
