package io.postroom.console;

import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Lets people in who know a token. Browsers get a page where the token is typed in, then a cookie for eight hours; programs send {@code
 * Authorization: Bearer}. Everybody who is in may operate. Thread-safe.
 *
 * <p>Sessions are in the memory of this process, by the digests of their cookies: a restart ends them, and behind a load balancer requests
 * of one person must reach one process. At most 1000 are open; one more ends the oldest.
 */
public final class TokenLogin implements ConsoleAccess {
    static final String COOKIE = "postroom-session";
    static final Duration LIFE = Duration.ofHours(8);
    private static final int SHORTEST_TOKEN = 16;
    private static final int MOST_SESSIONS = 1_000;
    private static final String PROGRAM = "token";

    private final byte[] token;
    private final LongSupplier nanos;
    private final LoginThrottle throttle;
    /** In the order of their beginnings, so that those which end first come first. */
    private final Map<String, Session> sessions = new LinkedHashMap<>();

    TokenLogin(String token, LongSupplier nanos) {
        if (token.length() < SHORTEST_TOKEN) {
            throw new IllegalArgumentException("a token must have at least " + SHORTEST_TOKEN + " characters");
        }
        this.token = Secrets.digest(token);
        this.nanos = nanos;
        this.throttle = new LoginThrottle(nanos);
    }

    /**
     * Makes the access for one token.
     *
     * @param token at least 16 characters
     */
    public static TokenLogin of(String token) {
        return new TokenLogin(token, System::nanoTime);
    }

    @Override
    public Optional<ConsoleUser> user(HttpServletRequest request) {
        String header = request.getHeader("Authorization");
        if (header != null && header.regionMatches(true, 0, "Bearer ", 0, 7)) {
            if (isToken(header.substring(7).strip())) {
                return Optional.of(ConsoleUser.operator(PROGRAM));
            }
            throttle.failed(request.getRemoteAddr());
            return Optional.empty();
        }
        String cookie = cookie(request, COOKIE);
        return cookie == null ? Optional.empty() : session(Secrets.hash(cookie));
    }

    /** What became of a try to log in: a cookie, or a time to wait, or neither because the token is wrong. */
    record Login(Optional<String> cookie, Optional<Duration> pause) {}

    /**
     * Checks a token. The right one always comes in: behind a proxy strangers have the same address, and their failures must not keep out
     * who knows it. So it is the token's length that guessing fails at; see {@link LoginThrottle}.
     *
     * @param address where the request came from
     * @param name that the person wants on record
     */
    Login login(String address, String given, String name) {
        if (!isToken(given.strip())) {
            return new Login(Optional.empty(), throttle.failed(address));
        }
        throttle.succeeded(address);
        String cookie = Secrets.random();
        begin(Secrets.hash(cookie), ConsoleUser.operator(name.isBlank() ? PROGRAM : name.strip()));
        return new Login(Optional.of(cookie), Optional.empty());
    }

    void logout(HttpServletRequest request) {
        String cookie = cookie(request, COOKIE);
        if (cookie != null) {
            synchronized (sessions) {
                sessions.remove(Secrets.hash(cookie));
            }
        }
    }

    private void begin(String hash, ConsoleUser user) {
        long now = nanos.getAsLong();
        synchronized (sessions) {
            sessions.values().removeIf(session -> session.endNanos - now <= 0);
            if (sessions.size() >= MOST_SESSIONS) {
                sessions.remove(sessions.keySet().iterator().next());
            }
            sessions.put(hash, new Session(user, now + LIFE.toNanos()));
        }
    }

    private Optional<ConsoleUser> session(String hash) {
        synchronized (sessions) {
            Session session = sessions.get(hash);
            return session == null || session.endNanos - nanos.getAsLong() <= 0
                    ? Optional.empty()
                    : Optional.of(session.user);
        }
    }

    private boolean isToken(String given) {
        return java.security.MessageDigest.isEqual(Secrets.digest(given), token);
    }

    static @Nullable String cookie(HttpServletRequest request, String name) {
        Cookie[] cookies = request.getCookies();
        if (cookies != null) {
            for (Cookie cookie : cookies) {
                if (cookie.getName().equals(name)) {
                    return cookie.getValue();
                }
            }
        }
        return null;
    }

    private record Session(ConsoleUser user, long endNanos) {}
}
