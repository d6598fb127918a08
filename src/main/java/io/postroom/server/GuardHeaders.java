package io.postroom.server;

import jakarta.servlet.http.HttpServletResponse;

/** Headers that each answer of the server has, whoever gives it: a controller, a filter or the web server itself. */
final class GuardHeaders {
    private GuardHeaders() {}

    static void addTo(HttpServletResponse response) {
        response.setHeader("X-Content-Type-Options", "nosniff");
        response.setHeader("X-Frame-Options", "DENY");
    }
}
