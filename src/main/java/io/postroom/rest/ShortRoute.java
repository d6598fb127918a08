package io.postroom.rest;

import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.lang.reflect.Method;
import java.util.Objects;
import org.springframework.http.ResponseEntity;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.annotation.ExceptionHandlerMethodResolver;

/**
 * Answers the requests that come most, those that create one message, without Spring MVC. They need none of what it does for each request,
 * and that took a sixth of the CPU time of the server's request threads.
 *
 * <p>Nothing is decided here. {@link ApiRoutes} admits the request, {@link BodyBudget} counts its body, {@link MessagesController} answers
 * it, and the exception handlers of {@link ApiController} say what a refusal looks like. A test sends the same requests both ways and
 * compares the answers.
 *
 * <p>Only the standalone server takes this way. Interceptors and advice of a host see nothing of such a request, so a host that guards its
 * routes by them would be open. Thread-safe.
 */
public final class ShortRoute {
    /** The path and its pattern: the path has no variable. */
    public static final String PATH = MessagesController.PATH;

    private final MessagesController messages;
    private final BodyBudget budget;
    private final ExceptionHandlerMethodResolver refusals =
            new ExceptionHandlerMethodResolver(MessagesController.class);

    ShortRoute(MessagesController messages, BodyBudget budget) {
        this.messages = messages;
        this.budget = budget;
    }

    /**
     * Tells whether a request may take this way: it is written as plainly as can be. Any other spelling of the path and all parameters are
     * left to Spring.
     */
    public static boolean fits(HttpServletRequest request) {
        return request.getRequestURI().equals(PATH)
                && request.getMethod().equals("POST")
                && request.getQueryString() == null;
    }

    /**
     * Answers a request that {@link #fits}, also when it is refused or fails.
     *
     * @throws IOException the client is gone
     * @throws ServletException an error of the JVM, such as too little memory; the server answers 500
     */
    public void answer(HttpServletRequest request, HttpServletResponse response) throws IOException, ServletException {
        budget.preHandle(request, response, this);
        try {
            ApiRoutes.admit(request, PATH);
            messages.create(request, response);
        } catch (IOException | RuntimeException refused) {
            answer(refused, response);
        } catch (Error failed) { // as Spring does: the server would close the connection without an answer
            throw new ServletException("a message was not created", failed);
        } finally {
            budget.afterCompletion(request, response, this, null);
        }
    }

    private void answer(Exception refused, HttpServletResponse response) throws IOException {
        if (response.isCommitted()) {
            return; // the server has answered a body that broke off, or a part of an answer was sent
        }
        Method handler = Objects.requireNonNull(refusals.resolveMethod(refused), "each exception has a handler");
        ReflectionUtils.makeAccessible(handler);
        ResponseEntity<?> answer =
                (ResponseEntity<?>) Objects.requireNonNull(ReflectionUtils.invokeMethod(handler, messages, refused));
        byte[] body = (byte[]) Objects.requireNonNull(answer.getBody());
        response.setStatus(answer.getStatusCode().value());
        answer.getHeaders().forEach((name, values) -> values.forEach(value -> response.setHeader(name, value)));
        response.setContentLength(body.length);
        response.getOutputStream().write(body);
    }
}
