package io.postroom.server;

import io.postroom.rest.Problem;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.RequestDispatcher;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.Locale;
import org.springframework.boot.webmvc.error.ErrorController;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Answers what the web server could not, with a problem document like all others. Whoever asks for {@code /error} without an error finds
 * nothing there.
 */
@RestController
class ErrorsController implements ErrorController {
    @RequestMapping("${server.error.path:/error}")
    ResponseEntity<byte[]> error(HttpServletRequest request, HttpServletResponse response) {
        GuardHeaders.addTo(response); // Tomcat refuses TRACE before the first filter
        Object status = request.getAttribute(RequestDispatcher.ERROR_STATUS_CODE);
        boolean isError = request.getDispatcherType() == DispatcherType.ERROR && status instanceof Integer;
        Problem problem = problem(isError ? (Integer) status : 404);
        return ResponseEntity.status(problem.status())
                .contentType(MediaType.parseMediaType(Problem.CONTENT_TYPE))
                .header("Cache-Control", "no-store")
                .body(problem.toJson());
    }

    static Problem problem(int status) {
        HttpStatus known = HttpStatus.resolve(status);
        String reason = known == null ? "Refused" : known.getReasonPhrase();
        return Problem.of(
                status,
                reason.toLowerCase(Locale.ROOT).replaceAll("[^a-z]+", "-"),
                reason,
                status >= 500 ? "The log of the server says more" : "The server did not take the request");
    }
}
