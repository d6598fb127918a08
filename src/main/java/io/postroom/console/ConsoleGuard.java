package io.postroom.console;

import io.postroom.console.ConsoleProperties.SecureCookies;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.MappingMatch;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseCookie;

/**
 * Decides on each request before its page is made: who asks, whether they may, and whether a page of ours sent it.
 *
 * <p>A change comes from a page of ours when three things hold: the browser says so in Sec-Fetch-Site, or in Origin where it does not know
 * that header; and the form has the digest of a random cookie, which no other site can read or set. Requests without either header, as
 * programs send them, need the digest as well. Thread-safe.
 */
final class ConsoleGuard {
    static final String CSRF_FIELD = "csrf";
    static final String CSRF_COOKIE = "postroom-csrf";
    private static final Set<String> READING = Set.of("GET", "HEAD");
    private static final int COOKIE_LENGTH = 43;
    private static final int LONGEST_FORM = 64 * 1024;

    private final ConsoleAccess access;
    private final String path;
    private final SecureCookies secureCookies;
    private final boolean hasHomes;

    /**
     * @param path of the console within the application
     * @param hasHomes whether the application has homes, each with pages of its own
     */
    ConsoleGuard(ConsoleAccess access, String path, SecureCookies secureCookies, boolean hasHomes) {
        this.access = access;
        this.path = path;
        this.secureCookies = secureCookies;
        this.hasHomes = hasHomes;
    }

    /** Refuses a request, with a page that says why. */
    static final class Refusal extends RuntimeException {
        private final int status;
        private final String title;

        Refusal(int status, String title, String text) {
            super(text, null, false, false);
            this.status = status;
            this.title = title;
        }

        int status() {
            return status;
        }

        String title() {
            return title;
        }
    }

    /** Sends whoever is not logged in to the page for that. */
    static final class NotLoggedIn extends RuntimeException {
        NotLoggedIn() {
            super("not logged in", null, false, false);
        }
    }

    Optional<TokenLogin> login() {
        return access instanceof TokenLogin login ? Optional.of(login) : Optional.empty();
    }

    /**
     * Lets a request in, or throws.
     *
     * @param needsUser false on the pages around a login
     */
    void admit(HttpServletRequest request, HttpServletResponse response, boolean needsUser) {
        boolean changes = !READING.contains(request.getMethod());
        Optional<ConsoleUser> user = access.user(request);
        String secret = TokenLogin.cookie(request, CSRF_COOKIE);
        boolean isKnown = secret != null && secret.length() == COOKIE_LENGTH;
        String cookie = isKnown ? String.valueOf(secret) : Secrets.random();
        new Visit(
                        base(request),
                        hasHomes,
                        Visit.homeIn(request),
                        user,
                        Secrets.hash(cookie),
                        login().isPresent(),
                        request.getHeader(Visit.PART) != null)
                .on(request);
        if (!isKnown) {
            response.addHeader(
                    HttpHeaders.SET_COOKIE,
                    cookie(request, CSRF_COOKIE, cookie).sameSite("Lax").build().toString());
        }
        if (changes && !isOwnSite(request)) {
            throw new Refusal(403, "Refused", "A browser sent this for a page of another site.");
        }
        if (needsUser) {
            requireUser(user, changes);
        }
        requireReadable(request, changes);
        String sent = changes ? request.getParameter(CSRF_FIELD) : null;
        if (changes && !(isKnown && sent != null && Secrets.isSame(sent, Secrets.hash(cookie)))) {
            throw new Refusal(
                    403,
                    "Refused",
                    "The form is too old, or another site sent it. Go back, load the page again and repeat what you did.");
        }
    }

    /**
     * Refuses what the server cannot read, once it is known who asks: a form that is too long, or a percent sign without two digits. Since
     * Servlet 6.1 a server throws then, at the first question for any parameter.
     */
    private static void requireReadable(HttpServletRequest request, boolean changes) {
        if (changes && request.getContentLengthLong() > LONGEST_FORM) {
            throw new Refusal(413, "Too long", "A form of the console has at most " + LONGEST_FORM + " bytes.");
        }
        try {
            request.getParameterMap();
        } catch (IllegalStateException unreadable) {
            throw new Refusal(
                    400,
                    "This cannot be read",
                    "The address or the form is cut, too long, or has a percent sign without two digits of hex.");
        }
    }

    private void requireUser(Optional<ConsoleUser> user, boolean changes) {
        if (user.isEmpty()) {
            if (login().isPresent()) {
                throw new NotLoggedIn();
            }
            throw new Refusal(403, "Refused", "Log in to the application first: it does not say who you are.");
        }
        if (!user.get().mayRead()) {
            throw new Refusal(403, "Refused", "You may not look at the console.");
        }
        if (changes && !user.get().mayOperate()) {
            throw new Refusal(403, "Refused", "You may look at the console and change nothing.");
        }
    }

    /** The path of the console as browsers see it: below the application's and that of its dispatcher servlet. */
    String base(HttpServletRequest request) {
        boolean isBelow =
                request.getHttpServletMapping().getMappingMatch() == MappingMatch.PATH && request.getPathInfo() != null;
        return request.getContextPath() + (isBelow ? request.getServletPath() : "") + path;
    }

    ResponseCookie.ResponseCookieBuilder cookie(HttpServletRequest request, String name, String value) {
        return ResponseCookie.from(name, value)
                .path(base(request))
                .httpOnly(true)
                .secure(
                        switch (secureCookies) {
                            case AUTO -> request.isSecure();
                            case TRUE -> true;
                            case FALSE -> false;
                        });
    }

    /** Same-site is not enough: another port of this machine is the same site. */
    private static boolean isOwnSite(HttpServletRequest request) {
        String site = request.getHeader("Sec-Fetch-Site");
        if (site != null) {
            return site.equals("same-origin") || site.equals("none");
        }
        String origin = request.getHeader("Origin");
        return origin == null || isSameHost(origin, request.getHeader("Host"));
    }

    /** Compares without the scheme: a proxy that ends TLS leaves http to the application. */
    private static boolean isSameHost(String origin, @Nullable String host) {
        int start = origin.indexOf("://");
        return host != null
                && start > 0
                && origin.substring(start + 3).toLowerCase(Locale.ROOT).equals(host.toLowerCase(Locale.ROOT));
    }
}
