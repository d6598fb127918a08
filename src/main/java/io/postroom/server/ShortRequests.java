package io.postroom.server;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.postroom.rest.ShortRoute;
import jakarta.servlet.FilterChain;
import jakarta.servlet.RequestDispatcher;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.http.server.observation.DefaultServerRequestObservationConvention;
import org.springframework.http.server.observation.ServerRequestObservationContext;
import org.springframework.util.function.SingletonSupplier;

/**
 * Lets requests that have come in take the {@link ShortRoute} where they fit, and all others go on to Spring. The former count in Spring's
 * timer {@code http.server.requests}, too, with the tags it has by default. They are in no other meter of Spring, such as {@code
 * http.server.requests.active}, and begin no trace. Thread-safe.
 */
final class ShortRequests {
    private static final DefaultServerRequestObservationConvention OF_SPRING =
            new DefaultServerRequestObservationConvention();

    private final Supplier<Optional<ShortRoute>> route;
    private final Supplier<Optional<MeterRegistry>> meters;
    private final Map<List<Object>, Timer> timers = new ConcurrentHashMap<>();

    private ShortRequests(Supplier<Optional<ShortRoute>> route, Supplier<Optional<MeterRegistry>> meters) {
        this.route = route;
        this.meters = meters;
    }

    /** Looks for both at the first request: the filters of the web are made before the beans behind it. */
    static ShortRequests of(ObjectProvider<ShortRoute> route, ObjectProvider<MeterRegistry> meters) {
        return new ShortRequests(
                SingletonSupplier.of(() -> Optional.ofNullable(route.getIfAvailable())),
                SingletonSupplier.of(() -> Optional.ofNullable(meters.getIfAvailable())));
    }

    /** Sends every request to Spring. */
    static ShortRequests none() {
        return new ShortRequests(Optional::empty, Optional::empty);
    }

    void pass(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        Optional<ShortRoute> taken = ShortRoute.fits(request) ? route.get() : Optional.empty();
        if (taken.isEmpty()) {
            chain.doFilter(request, response);
            return;
        }
        long start = System.nanoTime();
        try {
            taken.get().answer(request, response);
        } catch (ServletException failed) {
            response.setStatus(HttpServletResponse.SC_INTERNAL_SERVER_ERROR);
            request.setAttribute(RequestDispatcher.ERROR_EXCEPTION, failed.getRootCause());
            throw failed;
        } finally {
            long nanos = System.nanoTime() - start;
            meters.get()
                    .map(registry -> timer(registry, request, response))
                    .ifPresent(timer -> timer.record(nanos, TimeUnit.NANOSECONDS));
        }
    }

    /** Finds the timer of an answer. A body that broke off, or came too slowly, has left its exception in the request. */
    private Timer timer(MeterRegistry registry, HttpServletRequest request, HttpServletResponse response) {
        Throwable failed = (Throwable) request.getAttribute(RequestDispatcher.ERROR_EXCEPTION);
        String error = failed == null ? "none" : failed.getClass().getSimpleName();
        return timers.computeIfAbsent(List.of(response.getStatus(), error), key -> {
            ServerRequestObservationContext context = new ServerRequestObservationContext(request, response);
            context.setPathPattern(ShortRoute.PATH);
            if (failed != null) {
                context.setError(failed);
            }
            Timer.Builder timer = Timer.builder(OF_SPRING.getName()).tag("error", error);
            OF_SPRING.getLowCardinalityKeyValues(context).forEach(tag -> timer.tag(tag.getKey(), tag.getValue()));
            return timer.register(registry);
        });
    }
}
