package io.postroom.rest;

import io.postroom.api.AccessRole;
import io.postroom.api.InvalidMessageException;
import jakarta.servlet.http.HttpServletRequest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.springframework.web.servlet.HandlerMapping;

/**
 * Which role each route of the HTTP API needs, and which parameters it has behind the question mark: the one place where that stands. An
 * operator may use all routes. A test compares the routes that exist with these; at run time one that is missing needs an operator.
 *
 * <p>A route is looked up by the pattern that Spring has matched, or by that of {@link ShortRoute}, which takes one spelling of its path.
 * It is never looked up by the path that was sent: what is written differently, as with dots or percent signs, cannot lead to a method
 * under another rule.
 *
 * <p>A parameter that a route has not is refused: {@code dryrun} instead of {@code dryRun} would import for real.
 */
final class ApiRoutes {
    /** Method, pattern, role and parameters. {@code anybody}: the request proves itself in another way. {@code *}: any parameter. */
    static final String TABLE = """
            POST   /in/{name}                                             anybody  *

            POST   /api/v1/messages                                       producer
            GET    /api/v1/messages                                       reader   correlationId limit
            GET    /api/v1/messages/search                                reader   queue state type correlationId header fingerprint \
                   createdFrom createdTo before limit
            GET    /api/v1/messages/{id}                                  reader
            GET    /api/v1/messages/{id}/explain                          reader
            POST   /api/v1/messages/{id}/cancel                           operator reason actor

            GET    /api/v1/queues                                         reader
            GET    /api/v1/queues/{queue}                                 reader
            PUT    /api/v1/queues/{queue}                                 operator reason actor
            DELETE /api/v1/queues/{queue}                                 operator ifEmpty ifUnused reason actor
            GET    /api/v1/queues/{queue}/purge                           reader
            POST   /api/v1/queues/{queue}/purge                           operator
            POST   /api/v1/queues/{queue}/pause                           operator reason actor
            POST   /api/v1/queues/{queue}/resume                          operator reason actor
            GET    /api/v1/queues/{queue}/consumers                       reader
            POST   /api/v1/queues/{queue}/consumers/stop                  operator howMany deadline reason actor
            POST   /api/v1/queues/{queue}/consumers/start                 operator reason actor

            GET    /api/v1/exchanges                                      reader
            PUT    /api/v1/exchanges/{exchange}                           operator
            DELETE /api/v1/exchanges/{exchange}                           operator ifUnused
            GET    /api/v1/exchanges/{exchange}/bindings                  reader
            POST   /api/v1/exchanges/{exchange}/bind                      operator
            POST   /api/v1/exchanges/{exchange}/unbind                    operator
            POST   /api/v1/exchanges/{exchange}/route                     reader

            POST   /api/v1/dead-letters/{id}/redrive                      operator reason actor
            POST   /api/v1/dead-letters/{id}/discard                      operator
            POST   /api/v1/dead-letters/preview                           reader
            POST   /api/v1/dead-letters/redrive                           operator
            POST   /api/v1/dead-letters/discard                           operator
            GET    /api/v1/operations                                     reader   limit
            GET    /api/v1/operations/{id}                                reader
            POST   /api/v1/operations/{id}/stop                           operator

            POST   /api/v1/batches                                        operator
            GET    /api/v1/batches                                        reader   completed before limit
            GET    /api/v1/batches/{batch}                                reader
            POST   /api/v1/batches/{batch}/seal                           operator
            POST   /api/v1/batches/{batch}/cancel                         operator reason actor

            GET    /api/v1/schedules                                      reader   after limit
            GET    /api/v1/schedules/{name}                               reader
            GET    /api/v1/schedules/{name}/next                          reader   howMany
            GET    /api/v1/schedules/{name}/runs                          reader
            POST   /api/v1/schedules/preview                              reader   howMany
            PUT    /api/v1/schedules/{name}                               operator
            DELETE /api/v1/schedules/{name}                               operator reason actor
            POST   /api/v1/schedules/{name}/pause                         operator reason actor
            POST   /api/v1/schedules/{name}/resume                        operator reason actor
            POST   /api/v1/schedules/{name}/run                           operator reason actor

            GET    /api/v1/limiters                                       reader
            PUT    /api/v1/limiters/queues/{queue}                        operator reason actor
            DELETE /api/v1/limiters/queues/{queue}                        operator reason actor
            PUT    /api/v1/limiters/destinations/{destination}            operator reason actor
            DELETE /api/v1/limiters/destinations/{destination}            operator reason actor
            POST   /api/v1/limiters/destinations/{destination}/unpark     operator reason actor

            GET    /api/v1/settings                                       reader
            GET    /api/v1/settings/{name}                                reader
            GET    /api/v1/settings/{name}/history                        reader   most
            PUT    /api/v1/settings/{name}                                operator expectedVersion reason actor
            DELETE /api/v1/settings/{name}                                operator expectedVersion reason actor
            POST   /api/v1/settings/{name}/test                           operator

            POST   /api/v1/definitions                                    operator dryRun rename reason actor
            GET    /api/v1/definitions                                    reader
            POST   /api/v1/definitions/rabbitmq                           operator dryRun rename virtualHost reason actor
            GET    /api/v1/definitions/rabbitmq                           reader   virtualHost

            GET    /api/v1/file-imports                                   reader   most
            GET    /api/v1/mailboxes                                      reader
            GET    /api/v1/mailboxes/{name}/rejected                      reader   most
            GET    /api/v1/ledger                                         reader   actor action queue message operation before limit
            GET    /api/v1/ledger/check                                   reader   knownNumber knownHash
            GET    /api/v1/database                                       reader   olderThan

            GET    /api/v1/tokens                                         reader   after limit
            POST   /api/v1/tokens                                         operator
            POST   /api/v1/tokens/{name}/revoke                           operator reason actor
            """;

    private static final String ANYBODY = "anybody";
    private static final String ANY_PARAMETER = "*";
    private static final Map<String, Route> ROUTES = parsed();

    /** What a route needs and takes. */
    record Route(String role, Set<String> parameters) {}

    private ApiRoutes() {}

    /** The key is method and pattern, as in {@code GET /api/v1/queues}. */
    static Map<String, Route> all() {
        return ROUTES;
    }

    private static Map<String, Route> parsed() {
        Map<String, Route> routes = new HashMap<>();
        TABLE.lines().filter(line -> !line.isBlank()).forEach(line -> {
            List<String> words = List.of(line.trim().split(" +"));
            routes.put(
                    words.get(0) + " " + words.get(1),
                    new Route(words.get(2), Set.copyOf(words.subList(3, words.size()))));
        });
        return Map.copyOf(routes);
    }

    /**
     * Lets a request on to its method, or throws. Reads nothing of its body.
     *
     * @throws ProblemException the caller's role is another one, or the parameters cannot be read
     * @throws InvalidMessageException the route has no such parameter
     */
    static void admit(HttpServletRequest request) {
        admit(request, String.valueOf(request.getAttribute(HandlerMapping.BEST_MATCHING_PATTERN_ATTRIBUTE)));
    }

    /**
     * Does the same where the method is found without Spring.
     *
     * @param pattern of the method
     */
    static void admit(HttpServletRequest request, String pattern) {
        String method = request.getMethod().equals("HEAD") ? "GET" : request.getMethod();
        Route route = ROUTES.get(method + " " + pattern);
        Caller.of(request)
                .ifPresent(caller -> requireRole(caller, route == null ? AccessRole.OPERATOR.word() : route.role));
        QueryParameters parameters = QueryParameters.of(request);
        if (route != null && !route.parameters.contains(ANY_PARAMETER)) {
            parameters.requireKnown(route.parameters);
        }
    }

    private static void requireRole(Caller caller, String needed) {
        if (!needed.equals(ANYBODY) && !caller.role().covers(AccessRole.of(needed))) {
            throw new ProblemException(Problem.notAllowed("Token \"" + caller.name() + "\" has the role "
                    + caller.role().word() + ", and this needs " + needed));
        }
    }
}
