package io.postroom.server;

import java.util.Map;
import org.springframework.core.env.Environment;

/**
 * Where the pages of the server are. {@link AccessRules} are about addresses, so a setting that moves pages to others, or to a port where
 * nobody asks the rules, would open them. Such settings are for hosts with pages of their own; the server does not start with them.
 */
final class ServerPlaces {
    private static final String MANAGEMENT_PORT = "management.server.port";
    /** What may be set to its usual value alone. */
    private static final Map<String, String> FIXED = Map.of(
            "server.servlet.context-path", "/",
            "spring.mvc.servlet.path", "/",
            "management.endpoints.web.base-path", "/actuator");

    private ServerPlaces() {}

    /** @throws ServerStartException a setting moves pages */
    static void require(Environment environment) {
        FIXED.forEach((name, usual) -> {
            String given = environment.getProperty(name, "").strip();
            if (!given.isEmpty() && !given.equals(usual)) {
                throw new ServerStartException(name + "=" + given + " moves pages of the server, whose rules of who may"
                        + " come in are about their addresses. Leave it out, and let a proxy in front of the server"
                        + " rewrite paths");
            }
        });
        String port = environment.getProperty(MANAGEMENT_PORT, "").strip();
        if (!port.isEmpty()
                && !port.startsWith("-")
                && !port.equals(environment.getProperty("server.port", "").strip())) {
            throw new ServerStartException(
                    MANAGEMENT_PORT + "=" + port
                            + " opens a port on all addresses, without a token. Leave it out: /actuator is on the server's own port");
        }
    }
}
