package io.postroom.spring;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.core.env.Environment;

/**
 * The limiter of an external system that is declared at the start, under {@code postroom.destinations.<name>}. Queues name the system with
 * {@code postroom.queues.<name>.destination}.
 *
 * @param maxStarts Most starts of handlers in a period, over all queues and processes.
 * @param period That period, 100 ms to 400 days.
 * @param window Which spans of time are meant: sliding or fixed.
 * @param maxInProgress Most messages in progress, over all queues and processes.
 */
record DestinationProperties(
        @Nullable Integer maxStarts,
        @Nullable Duration period,
        Limiter.@Nullable Window window,
        @Nullable Integer maxInProgress) {
    /** The settings as in a file. */
    static final List<String> KEYS = List.of("max-starts", "period", "window", "max-in-progress");

    private static final NamedProperties PROPERTIES =
            NamedProperties.of("postroom.destinations", "a destination", KEYS, Set.of(), "docs/configuration.md");

    /**
     * Reads the limiters of all destinations.
     *
     * @throws StartProblem a property has no such setting, or a value that breaks a limit; the text names the property
     */
    static List<Limiter> declared(Environment environment) {
        List<Limiter> limiters = new ArrayList<>();
        PROPERTIES.bind(
                environment,
                DestinationProperties.class,
                (destination, name, bound) -> limiters.add(bound.limiter(destination, name)));
        return limiters;
    }

    private Limiter limiter(String destination, ConfigurationPropertyName name) {
        try {
            return new Limiter(
                            Optional.empty(),
                            Optional.of(destination),
                            Optional.ofNullable(maxStarts),
                            Optional.ofNullable(period),
                            window == null ? Limiter.Window.SLIDING : window,
                            Optional.ofNullable(maxInProgress))
                    .requireLimit();
        } catch (InvalidMessageException refused) {
            throw new StartProblem(name + ": " + refused.getMessage(), "Correct the properties below " + name, refused);
        }
    }
}
