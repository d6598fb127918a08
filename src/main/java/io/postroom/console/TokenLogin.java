package io.postroom.console;

import io.postroom.internal.access.BearerToken;
import io.postroom.internal.access.FailedTokens;
import io.postroom.internal.access.Sha256;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Lets people in who know a token. Browsers get a page where the token is typed in, then a cookie for eight hours; programs send {@code
 * Authorization: Bearer}. With one token everybody who is in may operate; a {@link TokenCheck} knows several, with rights and names. A
 * session ends with its token. Thread-safe.
 *
 * <p>Sessions are in the memory of this process, by the digests of their cookies: a restart ends them, and behind a load balancer requests
 * of one person must reach one process. At most 1000 are open, and 20 of a token that one holder has. One more ends the oldest of the same
 * token. A token that may not read gets no session.
 */
public final class TokenLogin implements ConsoleAccess {
    static final String COOKIE = "postroom-session";
    static final Duration LIFE = Duration.ofHours(8);
    private static final int MOST_SESSIONS = 1_000;
    private static final int MOST_OF_ONE_HOLDER = 20;
    private static final String PROGRAM = "token";

    private final TokenCheck tokens;
    private final LongSupplier nanos;
    /** In the order of their beginnings, so that those which end first come first. */
    private final Map<String, Session> sessions = new LinkedHashMap<>();

    TokenLogin(String token, LongSupplier nanos) {
        this(new OneToken(token, new FailedTokens(nanos)), nanos);
    }

    TokenLogin(TokenCheck tokens, LongSupplier nanos) {
        this.tokens = tokens;
        this.nanos = nanos;
    }

    /** The one token of {@link #of(String)}. */
    private static final class OneToken implements TokenCheck {
        private final byte[] token;
        private final FailedTokens failures;

        OneToken(String token, FailedTokens failures) {
            if (token.length() < BearerToken.SHORTEST) {
                throw new IllegalArgumentException(
                        "a token must have at least " + BearerToken.SHORTEST + " characters");
            }
            this.token = Sha256.of(token);
            this.failures = failures;
        }

        @Override
        public Optional<Holder> find(String given) {
            return MessageDigest.isEqual(Sha256.of(given), token)
                    ? Optional.of(new Holder(ConsoleUser.operator(PROGRAM), true, () -> true))
                    : Optional.empty();
        }

        @Override
        public Optional<Duration> failed(String address) {
            return failures.failed(address);
        }

        @Override
        public void succeeded(String address) {
            failures.succeeded(address);
        }
    }

    /**
     * Makes the access for one token.
     *
     * @param token at least 16 characters
     */
    public static TokenLogin of(String token) {
        return new TokenLogin(token, System::nanoTime);
    }

    /** Makes the access for several tokens. */
    public static TokenLogin of(TokenCheck tokens) {
        return new TokenLogin(tokens, System::nanoTime);
    }

    @Override
    public Optional<ConsoleUser> user(HttpServletRequest request) {
        String token = BearerToken.in(request.getHeader("Authorization"));
        if (token != null) {
            Optional<TokenCheck.Holder> holder = tokens.find(token);
            if (holder.isEmpty()) {
                tokens.failed(request.getRemoteAddr());
            }
            return holder.map(TokenCheck.Holder::user);
        }
        String cookie = cookie(request, COOKIE);
        return cookie == null ? Optional.empty() : session(Secrets.hash(cookie));
    }

    /**
     * What became of a try to log in: a cookie, or a time to wait, or neither because the token is wrong or may not read.
     *
     * @param isKnown whether the token is right
     */
    record Login(Optional<String> cookie, Optional<Duration> pause, boolean isKnown) {}

    /**
     * Checks a token. The right one always comes in: behind a proxy strangers have the same address, and their failures must not keep out
     * who knows it. So it is the token's length that guessing fails at; see {@link FailedTokens}.
     *
     * @param address where the request came from
     * @param name that the person wants on record; a token that one holder has brings its own
     */
    Login login(String address, String given, String name) {
        Optional<TokenCheck.Holder> found = tokens.find(given.strip());
        if (found.isEmpty()) {
            return new Login(Optional.empty(), tokens.failed(address), false);
        }
        TokenCheck.Holder holder = found.get();
        tokens.succeeded(address);
        ConsoleUser user = holder.user();
        if (!user.mayRead()) {
            return new Login(Optional.empty(), Optional.empty(), true);
        }
        if (holder.isShared() && !name.isBlank()) {
            user = new ConsoleUser(name.strip(), user.mayRead(), user.mayOperate());
        }
        String cookie = Secrets.random();
        Session session =
                new Session(user, nanos.getAsLong() + LIFE.toNanos(), holder.isValid(), Secrets.hash(given.strip()));
        begin(Secrets.hash(cookie), session, holder.isShared() ? MOST_SESSIONS : MOST_OF_ONE_HOLDER);
        return new Login(Optional.of(cookie), Optional.empty(), true);
    }

    void logout(HttpServletRequest request) {
        String cookie = cookie(request, COOKIE);
        if (cookie != null) {
            synchronized (sessions) {
                sessions.remove(Secrets.hash(cookie));
            }
        }
    }

    /** @param most how many of the same token may be open */
    private void begin(String hash, Session begun, int most) {
        long now = nanos.getAsLong();
        synchronized (sessions) {
            sessions.values().removeIf(session -> session.endNanos - now <= 0);
            List<String> own = sessions.entrySet().stream()
                    .filter(entry -> entry.getValue().token.equals(begun.token))
                    .map(Map.Entry::getKey)
                    .toList();
            if (own.size() >= most || sessions.size() >= MOST_SESSIONS && !own.isEmpty()) {
                sessions.remove(own.get(0));
            } else if (sessions.size() >= MOST_SESSIONS) {
                sessions.remove(sessions.keySet().iterator().next());
            }
            sessions.put(hash, begun);
        }
    }

    private Optional<ConsoleUser> session(String hash) {
        synchronized (sessions) {
            Session session = sessions.get(hash);
            if (session != null && !session.isValid.getAsBoolean()) {
                sessions.remove(hash);
                return Optional.empty();
            }
            return session == null || session.endNanos - nanos.getAsLong() <= 0
                    ? Optional.empty()
                    : Optional.of(session.user);
        }
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

    /** @param token digest of the token */
    private record Session(ConsoleUser user, long endNanos, BooleanSupplier isValid, String token) {}
}
