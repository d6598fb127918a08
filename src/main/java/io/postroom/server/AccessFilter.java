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

/** Applies the {@link AccessRules} to every request, before all other filters. */
final class AccessFilter implements Filter {
    private final AccessRules rules;

    AccessFilter(AccessRules rules) {
        this.rules = rules;
    }

    @Override
    public void doFilter(ServletRequest given, ServletResponse answered, FilterChain chain)
            throws IOException, ServletException {
        HttpServletRequest request = (HttpServletRequest) given;
        HttpServletResponse response = (HttpServletResponse) answered;
        response.setHeader("X-Content-Type-Options", "nosniff");
        response.setHeader("X-Frame-Options", "DENY");
        Optional<AccessRules.Refusal> refusal = rules.refusal(request);
        if (refusal.isEmpty()) {
            chain.doFilter(request, response);
        } else {
            refuse(response, refusal.get());
        }
    }

    private static void refuse(HttpServletResponse response, AccessRules.Refusal refusal) throws IOException {
        response.setStatus(refusal.status());
        if (refusal.status() == HttpServletResponse.SC_UNAUTHORIZED) {
            response.setHeader("WWW-Authenticate", "Bearer realm=\"postroom\"");
        }
        response.setContentType(Problem.CONTENT_TYPE);
        response.getOutputStream()
                .write(Problem.of(refusal.status(), refusal.code(), refusal.title(), refusal.detail())
                        .toJson());
    }
}
