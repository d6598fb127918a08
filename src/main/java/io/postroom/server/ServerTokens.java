package io.postroom.server;

import io.postroom.api.AccessRole;
import io.postroom.console.ConsoleUser;
import io.postroom.console.TokenCheck;
import io.postroom.internal.access.FailedTokens;
import io.postroom.internal.access.Sha256;
import io.postroom.internal.access.TokenCache;
import io.postroom.rest.Caller;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tokens that the server takes: those of its settings, which are an operator's, and those of the database. Thread-safe.
 *
 * <p>A right token always comes in, and wrong ones are counted by address. At the HTTP API the first eleven are told so, at the
 * console the first three; then the address is told to wait. Each one that counts is logged; while an address waits none does, so a flood
 * of requests is no flood of lines.
 */
final class ServerTokens implements TokenCheck {
    /** The name of the token of the server's settings; no token of the database may have it. */
    static final String PROPERTY = "property";

    private static final Logger log = LoggerFactory.getLogger(ServerTokens.class);
    private static final int FREE_FAILURES = 10;

    private final List<byte[]> own;
    private final TokenCache cache;
    private final boolean readersSeeContent;
    private final FailedTokens logins = new FailedTokens(System::nanoTime);
    private final FailedTokens requests = new FailedTokens(System::nanoTime, FREE_FAILURES);

    /**
     * @param own tokens of the settings
     * @param readersSeeContent whether the HTTP API shows payloads to readers
     */
    ServerTokens(List<String> own, TokenCache cache, boolean readersSeeContent) {
        this.own = own.stream().map(Sha256::of).toList();
        this.cache = cache;
        this.readersSeeContent = readersSeeContent;
    }

    boolean isNeeded() {
        return !own.isEmpty();
    }

    /** Finds who sends a request by the HTTP API; empty: the token is wrong. */
    Optional<Caller> caller(String token) {
        byte[] hash = Sha256.of(token);
        if (isOwn(hash)) {
            return Optional.of(new Caller(PROPERTY, AccessRole.OPERATOR, true, true, queue -> true));
        }
        return cache.find(hash)
                .map(holder -> new Caller(
                        holder.name(),
                        holder.role(),
                        false,
                        holder.role() == AccessRole.OPERATOR || readersSeeContent,
                        holder::mayCreateIn));
    }

    /** Counts a wrong token of a request by the HTTP API; see {@link #failed}. */
    Optional<Duration> failedRequest(String address) {
        return logged(address, requests.failed(address));
    }

    @Override
    public Optional<Holder> find(String token) {
        byte[] hash = Sha256.of(token);
        if (isOwn(hash)) {
            return Optional.of(new Holder(ConsoleUser.operator(PROPERTY), true, () -> true));
        }
        return cache.find(hash).map(holder -> {
            boolean isOperator = holder.role() == AccessRole.OPERATOR;
            return new Holder(
                    new ConsoleUser(holder.name(), holder.role().covers(AccessRole.READER), isOperator),
                    false,
                    () -> cache.find(hash).isPresent());
        });
    }

    @Override
    public Optional<Duration> failed(String address) {
        return logged(address, logins.failed(address));
    }

    @Override
    public void succeeded(String address) {
        logins.succeeded(address);
    }

    private static Optional<Duration> logged(String address, Optional<Duration> wait) {
        if (wait.isEmpty()) {
            log.warn("Refused a token from {}: it is not known, has expired or was revoked", address);
        }
        return wait;
    }

    private boolean isOwn(byte[] hash) {
        boolean isOwn = false;
        for (byte[] known : own) {
            isOwn |= MessageDigest.isEqual(hash, known);
        }
        return isOwn;
    }
}
