package io.postroom.server;

import io.postroom.api.AccessRole;
import io.postroom.internal.access.BearerToken;
import io.postroom.internal.access.TokenCache;
import io.postroom.rest.Caller;
import jakarta.servlet.http.HttpServletRequest;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

/**
 * Decides which requests are answered.
 *
 * <p>With a token: every request that carries a token of {@link ServerTokens}, the page at {@code /} and the probes of health for
 * everybody, webhooks, whose proof is their signature, and the console, which has a login of its own. A probe says UP or DOWN and no more.
 * What a token is for is decided in {@code rest}, by the route that was found; here a producer's is held to the one address that it
 * is for, and a reader's to reading outside the API.
 *
 * <p>Without a token, which only a server bound to a loopback address may be: every program on this machine, but no web page in a
 * browser on it. A web page can reach this server in two ways, and each has its mark:
 *
 * <ul>
 *   <li>under a host name of its own that points at 127.0.0.1 (DNS rebinding): the Host header has that name;
 *   <li>by a request across sites: the browser says so in Sec-Fetch-Site and Origin.
 * </ul>
 *
 * <p>Neither does it answer to a reverse proxy of this machine, which would bring in requests of others: a request that some proxy has
 * marked is refused. A proxy that marks nothing cannot be told from a program; the section "Behind a proxy" of docs/operations.md says to
 * set a token there.
 */
final class AccessRules {
    static final String TOKEN = "postroom.token";
    static final String PREVIOUS_TOKEN = "postroom.previous-token";
    static final String ADDRESS = "server.address";

    /** What proxies add to the requests that they pass on. */
    private static final List<String> OF_PROXIES = List.of(
            "Forwarded",
            "Via",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Port",
            "X-Forwarded-Proto",
            "X-Forwarded-Server",
            "X-Real-IP");

    private static final String MASKED_FIELDS = "postroom.console.masked-fields";
    private static final String API = "/api/";
    private static final String MESSAGES = "/api/v1/messages";
    private static final Set<String> PROBES = Set.of("/actuator/health/liveness", "/actuator/health/readiness");
    private static final Set<String> READING = Set.of("GET", "HEAD", "OPTIONS");
    private static final Pattern PORT = Pattern.compile(":\\d*$");
    private static final Pattern WEBHOOK = Pattern.compile("/in/[A-Za-z0-9][A-Za-z0-9._:-]{0,126}");
    /** Names of one or two dots, empty names, parameters, backslashes, and what is decoded to one of them or to a percent sign. */
    private static final Pattern RESOLVED =
            Pattern.compile("/\\.{0,2}(?=/)|/\\.{1,2}$|[;\\\\]|%(?:2e|2f|3b|5c|25)", Pattern.CASE_INSENSITIVE);

    private static final Pattern CONSOLE_PAGE = Pattern.compile("(?:/[A-Za-z0-9][A-Za-z0-9._:-]*+)*+/?");
    /** Below the console's path the longest page, with two names of 127 characters, is shorter than 300. */
    private static final int LONGEST_PAGE = 512;

    private static final int LONGEST_CONSOLE_PATH = 200;

    private static final String CONSOLE_PATH = "postroom.console.path";
    private static final Pattern PLAIN_PATH = Pattern.compile("(?:/[A-Za-z0-9][A-Za-z0-9_-]*+)++");
    /** What else the server has, all of it for those alone who send the token or a signature. */
    private static final List<String> OTHERS = List.of("/api", "/in", "/actuator");

    private static final String FORWARDED = "server.forward-headers-strategy";
    /** Tomcat sets it where it has taken the headers of a proxy into account, and away. */
    private static final String USED_UP = "org.apache.tomcat.request.forwarded";

    private static final List<String> OWN_SITE = List.of("same-origin", "none");

    private final ServerTokens tokens;
    private final Set<String> hosts;
    private final Optional<String> console;

    private AccessRules(ServerTokens tokens, Set<String> hosts, Optional<String> console) {
        this.tokens = tokens;
        this.hosts = hosts;
        this.console = console;
    }

    /** @throws ServerStartException if other machines could use the server without a token */
    static AccessRules of(Environment environment) {
        return of(environment, new TokenCache());
    }

    /** @throws ServerStartException if other machines could use the server without a token */
    static AccessRules of(Environment environment, TokenCache cache) {
        ServerPlaces.require(environment);
        String token = environment.getProperty(TOKEN, "").strip(); // from a file it may end with its line
        String previous = environment.getProperty(PREVIOUS_TOKEN, "").strip();
        String address = environment.getProperty(ADDRESS, "").strip();
        if (!token.isEmpty() && token.length() < BearerToken.SHORTEST) {
            throw new ServerStartException(
                    "POSTROOM_TOKEN has " + token.length() + " characters and must have at least "
                            + BearerToken.SHORTEST + ". Make one: openssl rand -hex 24");
        }
        if (!previous.isEmpty() && (token.isEmpty() || previous.length() < BearerToken.SHORTEST)) {
            throw new ServerStartException(
                    "POSTROOM_PREVIOUS_TOKEN is the token of before POSTROOM_TOKEN, which must be set too, and has at"
                            + " least " + BearerToken.SHORTEST + " characters");
        }
        if (token.isEmpty() && !isLoopback(address)) {
            throw new ServerStartException("The server is to listen on "
                    + (address.isEmpty() ? "all addresses" : address)
                    + ", where others can reach it, and has no token. Set the environment variable POSTROOM_TOKEN to a secret of at least "
                    + BearerToken.SHORTEST
                    + " characters (openssl rand -hex 24) and send it along as \"Authorization: Bearer ...\","
                    + " or stay on this machine with --server.address=127.0.0.1");
        }
        String forwarded = environment.getProperty(FORWARDED, "none").strip();
        if (token.isEmpty() && !forwarded.equalsIgnoreCase("none")) {
            throw new ServerStartException(FORWARDED + "=" + forwarded
                    + " is for a server behind a proxy, and that needs a token. Set the environment variable POSTROOM_TOKEN"
                    + " to a secret of at least " + BearerToken.SHORTEST + " characters (openssl rand -hex 24)");
        }
        Set<String> hosts = new HashSet<>(Set.of("localhost", "127.0.0.1", "[::1]"));
        hosts.add(address.toLowerCase(Locale.ROOT));
        List<String> own =
                Stream.of(token, previous).filter(some -> !some.isEmpty()).toList();
        boolean isMasked = !Binder.get(environment)
                .bind(MASKED_FIELDS, Bindable.listOf(String.class))
                .orElse(List.of())
                .isEmpty();
        return new AccessRules(new ServerTokens(own, cache, !isMasked), hosts, console(environment));
    }

    /**
     * Reads the console's path. Pages below it are answered without the server's token; the API must neither be there nor around it.
     *
     * @throws ServerStartException the path is none, or would open what others are to send the token for
     */
    private static Optional<String> console(Environment environment) {
        if (!environment.getProperty("postroom.console.enabled", Boolean.class, false)) {
            return Optional.empty();
        }
        String path = environment.getProperty(CONSOLE_PATH, "/console");
        if (path.length() > LONGEST_CONSOLE_PATH || !PLAIN_PATH.matcher(path).matches()) {
            throw new ServerStartException(
                    CONSOLE_PATH + " must be one or more names of A-Z a-z 0-9 _ -, 200 characters at most,"
                            + " each after a slash, as in /ops/postroom, and is " + path);
        }
        OTHERS.stream()
                .filter(other -> (path + "/").startsWith(other + "/") || (other + "/").startsWith(path + "/"))
                .findFirst()
                .ifPresent(other -> {
                    throw new ServerStartException(CONSOLE_PATH + "=" + path + " is in the place of " + other
                            + ", which the server has for programs. Take another path, as in /ops/postroom");
                });
        return Optional.of(path);
    }

    private static boolean isLoopback(String address) {
        if (address.isEmpty()) {
            return false;
        }
        try {
            return InetAddress.getByName(address).isLoopbackAddress();
        } catch (UnknownHostException unknown) {
            throw new ServerStartException("server.address=" + address + " is not an address of this machine");
        }
    }

    boolean asksForToken() {
        return tokens.isNeeded();
    }

    ServerTokens tokens() {
        return tokens;
    }

    /** Returns why this request is refused; empty if it is answered. A request that a token lets in gets its {@link Caller}. */
    Optional<Refusal> refusal(HttpServletRequest request) {
        if (tokens.isNeeded()) {
            return isForEverybody(request) || isWebhook(request) || isConsole(request)
                    ? Optional.empty()
                    : byToken(request, BearerToken.in(request.getHeader("Authorization")));
        }
        String host = request.getHeader("Host");
        if (host == null
                || !hosts.contains(PORT.matcher(host.toLowerCase(Locale.ROOT)).replaceFirst(""))) {
            return Optional.of(new Refusal(
                    403,
                    "foreign-host",
                    "This server answers to its own machine",
                    "Use http://127.0.0.1 or http://localhost, or start the server with POSTROOM_TOKEN"
                            + " to reach it under other names"));
        }
        Optional<String> mark = request.getAttribute(USED_UP) != null
                ? Optional.of("X-Forwarded-For")
                : OF_PROXIES.stream()
                        .filter(name -> request.getHeader(name) != null)
                        .findFirst();
        if (mark.isPresent()) {
            return Optional.of(new Refusal(
                    403,
                    "forwarded",
                    "Requests that a proxy passes on need a token",
                    "The request has the header " + mark.get()
                            + ". Start the server with POSTROOM_TOKEN to put it behind a proxy"));
        }
        if (!READING.contains(request.getMethod()) && !isOwnSite(request, host)) {
            return Optional.of(new Refusal(
                    403,
                    "cross-site",
                    "Requests from other web sites are refused",
                    "A browser sent this for a page that is not of this server"));
        }
        // A program that sends a token wants to be what the token says: one that was revoked must not be an operator
        // for that.
        String given = BearerToken.in(request.getHeader("Authorization"));
        return given == null || isWebhook(request) || isConsole(request) ? Optional.empty() : byToken(request, given);
    }

    /** Tells whether whoever sent this, which was not refused, is known to belong here before the body is read. */
    boolean isProven(HttpServletRequest request) {
        return !tokens.isNeeded() || Caller.of(request).isPresent();
    }

    private Optional<Refusal> byToken(HttpServletRequest request, @Nullable String token) {
        if (token == null) {
            return Optional.of(new Refusal(
                    401,
                    "unauthorized",
                    "A token is needed",
                    "Send a token of this server: Authorization: Bearer <token>"));
        }
        Optional<Caller> caller = tokens.caller(token);
        if (caller.isEmpty()) {
            return Optional.of(tokens.failedRequest(request.getRemoteAddr())
                    .map(Refusal::tooMany)
                    .orElseGet(() -> new Refusal(
                            401,
                            "unauthorized",
                            "The token is wrong",
                            "It is not known, has expired or was revoked. Send one that is good:"
                                    + " Authorization: Bearer <token>")));
        }
        if (!isFor(caller.get().role(), request)) {
            return Optional.of(new Refusal(
                    403,
                    "not-allowed",
                    "The token is not for this",
                    "Token \"" + caller.get().name() + "\" has the role "
                            + caller.get().role().word()));
        }
        caller.get().on(request);
        return Optional.empty();
    }

    /**
     * The first look, by the address as it was sent: what it lets through is looked at again by its route, if that is one of the API. So a
     * path that begins as the API's must not be resolved into another one behind this.
     */
    static boolean isFor(AccessRole role, HttpServletRequest request) {
        String path = request.getRequestURI();
        return switch (role) {
            case OPERATOR -> true;
            case READER -> READING.contains(request.getMethod()) || path.startsWith(API) && isPlain(path);
            case PRODUCER -> path.equals(MESSAGES) && request.getMethod().equals("POST");
        };
    }

    /** Tells whether a path means what is written: it has no part that is resolved, dropped or decoded into a part of that kind. */
    private static boolean isPlain(String path) {
        return !RESOLVED.matcher(path).find();
    }

    private static boolean isForEverybody(HttpServletRequest request) {
        return request.getMethod().equals("GET")
                && (request.getRequestURI().equals("/") || PROBES.contains(request.getRequestURI()));
    }

    /**
     * Tells whether an external system calls its webhook, which has a signature instead. The path is compared as it was sent, and nothing
     * in it is to be decoded: no other page is reached by this exception. Without a token webhooks are for this machine, as all else.
     */
    private static boolean isWebhook(HttpServletRequest request) {
        return request.getMethod().equals("POST")
                && WEBHOOK.matcher(request.getRequestURI()).matches();
    }

    /** Tells whether a page of the console is meant, by the path as it was sent: nothing in it is to be decoded or resolved. */
    private boolean isConsole(HttpServletRequest request) {
        String path = request.getRequestURI();
        return console.isPresent()
                && path.length() <= LONGEST_PAGE
                && path.startsWith(console.get())
                && CONSOLE_PAGE.matcher(path.substring(console.get().length())).matches();
    }

    /**
     * Tells whether a browser sent this for a page of this server. Same-site is not enough: another port of this machine is the same site.
     * Other programs send neither header.
     */
    private static boolean isOwnSite(HttpServletRequest request, String host) {
        String own = request.getScheme() + "://" + host;
        return all(request, "Sec-Fetch-Site").allMatch(OWN_SITE::contains)
                && all(request, "Origin").allMatch(own::equalsIgnoreCase);
    }

    /** Streams the values of a header that may stand twice in a request. */
    private static Stream<String> all(HttpServletRequest request, String name) {
        return Collections.list(request.getHeaders(name)).stream();
    }

    /** @param retryAfter how long to wait before the next try; empty: nobody has to */
    record Refusal(int status, String code, String title, String detail, Optional<Duration> retryAfter) {
        Refusal(int status, String code, String title, String detail) {
            this(status, code, title, detail, Optional.empty());
        }

        static Refusal tooMany(Duration wait) {
            return new Refusal(
                    429,
                    "too-many-wrong-tokens",
                    "Too many wrong tokens",
                    "This address has sent wrong tokens. A right one is answered at once",
                    Optional.of(wait));
        }
    }
}
