package io.postroom.console;

import io.postroom.api.BatchNotFoundException;
import io.postroom.api.ExchangeNotFoundException;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.ScheduleNotFoundException;
import io.postroom.api.StoreException;
import io.postroom.homes.HomeDownException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.ModelAttribute;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;

/** Asks the guard before each page of this package, and turns exceptions into pages. A host's own controllers are left as they are. */
abstract class ConsoleController {
    private static final Logger log = LoggerFactory.getLogger(ConsoleController.class);
    private static final String TIMED_OUT = "57014";
    /** Character not in repertoire: the database stores no U+0000. */
    private static final String NO_CHARACTER = "22021";

    /** Where the console is within the application. */
    static final String ROOT = "${postroom.console.path:/console}";
    /** Where the pages of a home are. */
    static final String HOME = ROOT + Visit.HOMES + "/{home}";

    static final String A_TIME = "a time with its zone, as in 2027-01-31T12:00:00Z";

    private final ConsoleGuard guard;

    ConsoleController(ConsoleGuard guard) {
        this.guard = guard;
    }

    ConsoleGuard guard() {
        return guard;
    }

    /** Whether pages are for those alone who are logged in. */
    boolean needsUser() {
        return true;
    }

    /** Runs before each method that answers a request. */
    @ModelAttribute
    void admit(HttpServletRequest request, HttpServletResponse response) {
        guard.admit(request, response, needsUser());
        admitted(request);
    }

    /** Looks at a request that the guard has let in, before its page is made. */
    void admitted(HttpServletRequest request) {}

    static UUID requireId(String text) {
        try {
            if (text.strip().length() == 36) {
                return UUID.fromString(text.strip());
            }
        } catch (IllegalArgumentException noId) {
            // refused below
        }
        throw new InvalidMessageException("id", "a UUID such as 0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f", text);
    }

    static Instant requireTime(String field, String limit, String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeParseException noTime) {
            throw new InvalidMessageException(field, limit, text);
        }
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(ConsoleGuard.Refusal refused, HttpServletRequest request) {
        return page(request, refused.status(), refused.title(), String.valueOf(refused.getMessage()));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> toLogin(ConsoleGuard.NotLoggedIn unknown, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        if (!request.getMethod().equals("GET")) {
            return page(
                    request,
                    401,
                    "Your session has ended",
                    "Log in again and repeat what you did: nothing was changed.");
        }
        String page = request.getRequestURI().startsWith(visit.base() + "/")
                ? request.getRequestURI().substring(visit.base().length())
                : "";
        return Page.redirect(visit.atRoot().path("/login", "to", page));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> unreadable(MethodArgumentTypeMismatchException refused, HttpServletRequest request) {
        return page(request, 400, "This cannot be shown", "The parameter " + refused.getName() + " cannot be read.");
    }

    @ExceptionHandler
    ResponseEntity<byte[]> down(HomeDownException down, HttpServletRequest request) {
        log.debug("answered 503", down);
        String homes = String.join(", ", down.homes());
        return page(
                request,
                503,
                "A home does not answer",
                "No answer came from " + homes + ". What the other homes have is on their pages.");
    }

    @ExceptionHandler
    ResponseEntity<byte[]> failed(StoreException failed, HttpServletRequest request) {
        if (failed.state().equals(TIMED_OUT)) {
            return page(
                    request,
                    503,
                    "The database is slow",
                    "It did not answer within the time that a page waits for it. Load the page again, or narrow what is looked for.");
        }
        if (failed.state().equals(NO_CHARACTER)) {
            return page(request, 422, "This cannot be done", "A text has a character that the database cannot hold.");
        }
        if (failed.mayPass()) {
            log.debug("answered 503", failed);
            return page(
                    request,
                    503,
                    "The database does not answer",
                    "It is away, starting, read-only or out of connections. Processes go on where they can."
                            + " Load the page again in a moment.");
        }
        return broken(failed, request);
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(PostroomException refused, HttpServletRequest request) {
        boolean isMissing = refused instanceof QueueNotFoundException
                || refused instanceof ExchangeNotFoundException
                || refused instanceof ScheduleNotFoundException
                || refused instanceof BatchNotFoundException;
        boolean isKnown =
                isMissing || refused instanceof InvalidMessageException || refused instanceof ExclusiveQueueException;
        return isKnown
                ? page(request, isMissing ? 404 : 422, "This cannot be done", refused.getMessage() + ".")
                : broken(refused, request);
    }

    @ExceptionHandler
    ResponseEntity<byte[]> broken(RuntimeException failed, HttpServletRequest request) {
        log.error("a page of the console failed", failed);
        return page(request, 500, "This page failed", "The log of this process says why.");
    }

    private static ResponseEntity<byte[]> page(HttpServletRequest request, int status, String title, String text) {
        return new Page(Visit.of(request), "", title).alert(text).answer(status);
    }
}
