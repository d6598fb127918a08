package io.postroom.console;

import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** Knows the tokens by which {@link TokenLogin} lets people in, and counts those that are wrong. Implementations are thread-safe. */
public interface TokenCheck {
    /** Finds who holds a token; empty: nobody does. */
    Optional<Holder> find(String token);

    /**
     * Counts a wrong token.
     *
     * @return how long the address still waits because of those before; empty: it did not wait
     */
    Optional<Duration> failed(String address);

    /** Forgets what failed from an address. */
    void succeeded(String address);

    /**
     * Who holds a token.
     *
     * @param user name and rights
     * @param isShared whether several people have the token: each may give a name, for the record
     * @param isValid whether the token is still good; asked for each request of a session
     */
    record Holder(ConsoleUser user, boolean isShared, BooleanSupplier isValid) {}
}
