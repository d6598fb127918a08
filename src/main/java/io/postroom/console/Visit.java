package io.postroom.console;

import io.postroom.api.Reason;
import jakarta.servlet.http.HttpServletRequest;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.web.servlet.HandlerMapping;
import org.springframework.web.util.UriUtils;

/**
 * A request that {@link ConsoleGuard} has let in.
 *
 * @param base path of the console as browsers see it, as in {@code /app/console}
 * @param hasHomes whether the application has homes, each with pages of its own
 * @param home that the path names
 * @param user empty on the pages around a login
 * @param csrf what forms send back
 * @param canLogOut whether the console has a session of its own for the user
 * @param isPart whether the script asks, for a part that it loads anew: it takes nothing else of the page
 */
record Visit(
        String base,
        boolean hasHomes,
        Optional<String> home,
        Optional<ConsoleUser> user,
        String csrf,
        boolean canLogOut,
        boolean isPart) {
    /** The script sends it with the name of the part. */
    static final String PART = "Postroom-Part";

    /** Page with the list of homes; the pages of a home are below it. */
    static final String HOMES = "/homes";

    private static final String ATTRIBUTE = Visit.class.getName();

    /** Finds the visit of a request. A page that the guard was not asked about has none, and fails. */
    static Visit of(HttpServletRequest request) {
        return (Visit) Objects.requireNonNull(request.getAttribute(ATTRIBUTE), "the guard was not asked");
    }

    /** Finds the home that the path of a request names. */
    static Optional<String> homeIn(HttpServletRequest request) {
        return request.getAttribute(HandlerMapping.URI_TEMPLATE_VARIABLES_ATTRIBUTE) instanceof Map<?, ?> variables
                        && variables.get("home") instanceof String home
                ? Optional.of(home)
                : Optional.empty();
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

    /** The same visit, for pages of this home. */
    Visit at(String itsHome) {
        return new Visit(base, hasHomes, Optional.of(itsHome), user, csrf, canLogOut, isPart);
    }

    /** The same visit, for pages that are about no home: the list of homes, the login, the files of all pages. */
    Visit atRoot() {
        return new Visit(base, hasHomes, Optional.empty(), user, csrf, canLogOut, isPart);
    }

    /** The same visit, as of somebody who is not logged in. */
    Visit withoutUser() {
        return new Visit(base, hasHomes, Optional.empty(), Optional.empty(), csrf, false, false);
    }

    /** Path of a page, as in {@code /queues}; below the home, if there is one. */
    String path(String page) {
        return base
                + home.map(name -> HOMES + "/" + UriUtils.encodePathSegment(name, StandardCharsets.UTF_8))
                        .orElse("")
                + page;
    }

    /**
     * Path of a page with parameters.
     *
     * @param parameters names and values in turn; one without a value, or with an empty one, is left out
     */
    String path(String page, @Nullable String... parameters) {
        StringBuilder path = new StringBuilder(path(page));
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
