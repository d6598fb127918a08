package io.postroom.console;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Optional;

/**
 * Says who may use the console. A host that enables the console publishes one bean of this type; without it the application does not start.
 * Implementations are thread-safe, and are asked for each request.
 *
 * <pre>{@code
 * @Bean
 * ConsoleAccess consoleAccess() {
 *     return request -> Optional.ofNullable(request.getUserPrincipal())
 *             .map(user -> new ConsoleUser(user.getName(), request.isUserInRole("SUPPORT"), request.isUserInRole("OPERATOR")));
 * }
 * }</pre>
 *
 * {@link TokenLogin} is an implementation for applications without users of their own.
 */
@FunctionalInterface
public interface ConsoleAccess {
    /** Finds the user of a request; empty: nobody is logged in. */
    Optional<ConsoleUser> user(HttpServletRequest request);

    /** Lets everybody read and operate who can send a request. For a machine of one's own. */
    static ConsoleAccess open() {
        return request -> Optional.of(ConsoleUser.operator("console"));
    }
}
