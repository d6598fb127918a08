package io.postroom.console;

import io.postroom.api.Reason;
import jakarta.servlet.http.HttpServletRequest;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A request that {@link ConsoleGuard} has let in.
 *
 * @param base path of the console as browsers see it, as in {@code /app/console}
 * @param user empty on the pages around a login
 * @param csrf what forms send back
 * @param canLogOut whether the console has a session of its own for the user
 * @param isPart whether the script asks, for a part that it loads anew: it takes nothing else of the page
 */
record Visit(String base, Optional<ConsoleUser> user, String csrf, boolean canLogOut, boolean isPart) {
    /** The script sends it with the name of the part. */
    static final String PART = "Postroom-Part";

    private static final String ATTRIBUTE = Visit.class.getName();

    /** Finds the visit of a request. A page that the guard was not asked about has none, and fails. */
    static Visit of(HttpServletRequest request) {
        return (Visit) Objects.requireNonNull(request.getAttribute(ATTRIBUTE), "the guard was not asked");
    }

    void on(HttpServletRequest request) {
        request.setAttribute(ATTRIBUTE, this);
    }

    boolean mayOperate() {
        return user.isPresent() && user.get().mayOperate();
    }

    /** The user's name, for the record. */
    String actor() {
        return user.orElseThrow().name();
    }

    /** The reason of what a button does that asks for none, with the user as the actor. */
    Reason because() {
        return Reason.of("from the console").by(actor());
    }

    /** The reason that a person gave, with the user as the actor. */
    Reason because(String reason) {
        return Reason.of(reason.strip()).by(actor());
    }

    /** Path of a page, as in {@code /queues}. */
    String path(String page) {
        return base + page;
    }

    /**
     * Path of a page with parameters.
     *
     * @param parameters names and values in turn; one without a value, or with an empty one, is left out
     */
    String path(String page, @Nullable String... parameters) {
        StringBuilder path = new StringBuilder(base).append(page);
        char mark = '?';
        for (int i = 0; i < parameters.length; i += 2) {
            String value = parameters[i + 1];
            if (value != null && !value.isEmpty()) {
                path.append(mark)
                        .append(parameters[i])
                        .append('=')
                        .append(URLEncoder.encode(value, StandardCharsets.UTF_8));
                mark = '&';
            }
        }
        return path.toString();
    }
}
