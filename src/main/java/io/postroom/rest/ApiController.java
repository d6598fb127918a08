package io.postroom.rest;

import io.postroom.api.DuplicateMessageException;
import io.postroom.api.ExchangeNotFoundException;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import io.postroom.api.UnroutableMessageException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.ModelAttribute;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;
import tools.jackson.databind.json.JsonMapper;

/** Turns exceptions into problem documents, for the controllers of this package alone: a host's own are left as they are. */
abstract class ApiController {
    private static final Logger log = LoggerFactory.getLogger(ApiController.class);
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String TYPE_OPTIONS = "X-Content-Type-Options";
    private static final String NOSNIFF = "nosniff";
    private static final String NO_STORE = "no-store";
    private static final Duration WHEN_AWAY = Duration.ofSeconds(5);
    private static final Duration WHEN_BUSY = Duration.ofSeconds(1);

    /** Runs before each method that answers a request, behind all interceptors of a host, and before its body is read. */
    @ModelAttribute
    void admit(HttpServletRequest request) {
        ApiRoutes.admit(request);
    }

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
    ResponseEntity<byte[]> refused(ExclusiveQueueException refused) {
        return answer(Problem.exclusive(refused));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(QueueNotFoundException refused) {
        return answer(Problem.invalid(new InvalidMessageException("queue", "one that exists", refused.queue())));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(ExchangeNotFoundException refused) {
        return answer(Problem.invalid(new InvalidMessageException("exchange", "one that exists", refused.exchange())));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(UnroutableMessageException refused) {
        return answer(Problem.unroutable(refused));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(QueueFullException refused) {
        return answer(Problem.queueFull(refused));
    }

    /** Answers a parameter behind the question mark that cannot be read. */
    @ExceptionHandler
    ResponseEntity<byte[]> unreadable(MethodArgumentTypeMismatchException refused) {
        return answer(Problem.malformed("The parameter " + refused.getName() + " cannot be read"));
    }

    /** Answers a client that stopped sending; it will hardly read the answer, unless it is only slow. */
    @ExceptionHandler
    ResponseEntity<byte[]> brokenOff(IOException gone) {
        log.debug("a request broke off", gone);
        if (gone instanceof SocketTimeoutException || gone.getCause() instanceof SocketTimeoutException) {
            return answer(Problem.late());
        }
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

    /**
     * The parameters {@code reason} and {@code actor} behind the question mark, for the record. {@link Caller#actor} says who is the actor.
     * Without a reason, but with an actor, the reason is {@code not given}.
     */
    static Optional<Reason> reason(HttpServletRequest request) {
        QueryParameters parameters = QueryParameters.of(request);
        Optional<String> actor = Caller.actor(request, parameters.find("actor"));
        Optional<String> text = parameters.find("reason");
        return text.isEmpty() && actor.isEmpty()
                ? Optional.empty()
                : Optional.of(new Reason(text.orElse("not given"), actor));
    }

    static ResponseEntity<byte[]> answer(Problem problem) {
        ResponseEntity.BodyBuilder answer = answer(problem.status());
        problem.retryAfter()
                .ifPresent(wait -> answer.header(HttpHeaders.RETRY_AFTER, String.valueOf(wait.toSeconds())));
        return answer.contentType(MediaType.parseMediaType(Problem.CONTENT_TYPE))
                .body(problem.toJson());
    }

    /** Answers a JSON object with these members, with a line's end for people who read it in a terminal. */
    static ResponseEntity<byte[]> answer(int status, Map<String, Object> members) {
        return answer(status).body((JSON.writeValueAsString(members) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** Answers a JSON object with one member: a list of what {@code shown} makes of each. */
    static <T> ResponseEntity<byte[]> listed(String member, List<T> each, Function<? super T, ?> shown) {
        return answer(200, Map.of(member, each.stream().map(shown).toList()));
    }

    /** Begins an answer that no cache may keep and no browser may read as anything but JSON. */
    static ResponseEntity.BodyBuilder answer(int status) {
        return ResponseEntity.status(status)
                .contentType(MediaType.APPLICATION_JSON)
                .header(TYPE_OPTIONS, NOSNIFF)
                .header(HttpHeaders.CACHE_CONTROL, NO_STORE);
    }

    /** Sends what {@link #answer(int)} begins, without Spring's search for whatever could write the body. */
    static void send(HttpServletResponse response, int status, byte[] json) throws IOException {
        response.setStatus(status);
        response.setContentType(MediaType.APPLICATION_JSON_VALUE);
        response.setHeader(TYPE_OPTIONS, NOSNIFF);
        response.setHeader(HttpHeaders.CACHE_CONTROL, NO_STORE);
        response.setContentLength(json.length);
        response.getOutputStream().write(json);
    }
}
