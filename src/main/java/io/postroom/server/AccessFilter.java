package io.postroom.server;

import io.postroom.rest.Problem;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/**
 * Applies the {@link AccessRules} to every request, before all other filters.
 *
 * <p>A login and a webhook are proven by their body. A thread has to wait for it, so strangers could hold all threads with bodies that do
 * not come. They get half of the threads at most, each for a limited time; a body that is here already is
 * read whatever the others do.
 */
final class AccessFilter implements Filter {
    private static final AccessRules.Refusal BUSY = new AccessRules.Refusal(
            503,
            "busy",
            "Too many requests are half sent",
            "Nothing was done. Too many clients that are not known yet have sent a part of their request; try again");

    private final AccessRules rules;
    private final ShortRequests admitted;
    private final Semaphore strangers;

    /**
     * @param threads that the web server has for requests
     * @param admitted where requests of known callers go on
     */
    AccessFilter(AccessRules rules, int threads, ShortRequests admitted) {
        this.rules = rules;
        this.admitted = admitted;
        this.strangers = new Semaphore(Math.max(1, threads / 2));
    }

    /** How many more requests of strangers may wait for their bodies at this moment. */
    int placesForStrangers() {
        return strangers.availablePermits();
    }

    @Override
    public void doFilter(ServletRequest given, ServletResponse answered, FilterChain chain)
            throws IOException, ServletException {
        HttpServletRequest request = (HttpServletRequest) given;
        HttpServletResponse response = (HttpServletResponse) answered;
        GuardHeaders.addTo(response);
        Optional<AccessRules.Refusal> refusal = rules.refusal(request);
        HttpServletRequest taken = PatientForm.of(request, PatientForm.PATIENCE);
        if (refusal.isPresent()) {
            refuse(response, refusal.get());
        } else if (rules.isProven(request)) {
            admitted.pass(taken, response, chain);
        } else if (UnreadBodyValve.hasCome(request)) {
            chain.doFilter(taken, response);
        } else if (strangers.tryAcquire()) {
            try {
                chain.doFilter(taken, response);
            } finally {
                strangers.release();
            }
        } else {
            response.setHeader("Retry-After", "1");
            refuse(response, BUSY);
        }
    }

    private static void refuse(HttpServletResponse response, AccessRules.Refusal refusal) throws IOException {
        response.setStatus(refusal.status());
        if (refusal.status() == HttpServletResponse.SC_UNAUTHORIZED) {
            response.setHeader("WWW-Authenticate", "Bearer realm=\"postroom\"");
        }
        if (refusal.retryAfter().isPresent()) {
            long seconds = refusal.retryAfter().get().plusSeconds(1).toSeconds();
            response.setHeader("Retry-After", String.valueOf(seconds));
        }
        response.setContentType(Problem.CONTENT_TYPE);
        response.getOutputStream()
                .write(Problem.of(refusal.status(), refusal.code(), refusal.title(), refusal.detail())
                        .toJson());
    }
}
