package io.postroom.rest;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.ExchangeKind;
import io.postroom.api.ExchangeNotFoundException;
import io.postroom.api.Exchanges;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Route;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that declare, bind and look at exchanges. */
@RestController
@RequestMapping(ExchangesController.PATH)
class ExchangesController extends ApiController {
    static final String PATH = "/api/v1/exchanges";

    private final Exchanges exchanges;

    ExchangesController(Exchanges exchanges) {
        this.exchanges = exchanges;
    }

    @GetMapping
    ResponseEntity<byte[]> list() {
        return listed("exchanges", exchanges.list(), ExchangesController::shown);
    }

    @PutMapping("/{exchange}")
    ResponseEntity<byte[]> declare(@PathVariable String exchange, HttpServletRequest request) throws IOException {
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "kind", "alternate");
        Exchange declared = new Exchange(
                exchange, ExchangeKind.ofWord(given.text("kind").orElse("direct")), given.text("alternate"));
        return answer(exchanges.declare(declared) ? 201 : 200, shown(declared));
    }

    /** @param ifUnused refuse while bindings begin at it */
    @DeleteMapping("/{exchange}")
    ResponseEntity<byte[]> delete(
            @PathVariable String exchange, @RequestParam(defaultValue = "false") boolean ifUnused) {
        Limits.requireName("exchange", exchange);
        boolean isDeleted;
        try {
            isDeleted = exchanges.delete(exchange, ifUnused);
        } catch (IllegalStateException inUse) {
            throw new ProblemException(Problem.inUse(inUse));
        }
        if (!isDeleted) {
            throw new ProblemException(Problem.unknownExchange(exchange));
        }
        return answer(200, Map.of("deleted", exchange));
    }

    @GetMapping("/{exchange}/bindings")
    ResponseEntity<byte[]> bindings(@PathVariable String exchange) {
        Limits.requireName("exchange", exchange);
        return listed("bindings", exchanges.bindings(exchange), ExchangesController::shown);
    }

    @PostMapping("/{exchange}/bind")
    ResponseEntity<byte[]> bind(@PathVariable String exchange, HttpServletRequest request) throws IOException {
        Binding binding = binding(exchange, request);
        try {
            return answer(exchanges.bind(binding) ? 201 : 200, shown(binding));
        } catch (ExchangeNotFoundException unknown) {
            if (unknown.exchange().equals(exchange)) {
                throw new ProblemException(Problem.unknownExchange(exchange));
            }
            throw new InvalidMessageException("toExchange", "one that exists", unknown.exchange());
        }
    }

    @PostMapping("/{exchange}/unbind")
    ResponseEntity<byte[]> unbind(@PathVariable String exchange, HttpServletRequest request) throws IOException {
        Binding binding = binding(exchange, request);
        Map<String, Object> answer = shown(binding);
        answer.put("removed", exchanges.unbind(binding));
        return answer(200, answer);
    }

    private static Binding binding(String exchange, HttpServletRequest request) throws IOException {
        JsonMembers given =
                JsonMembers.read(RequestBody.read(request), "queue", "toExchange", "routingKey", "arguments");
        return new Binding(
                exchange,
                given.text("queue"),
                given.text("toExchange"),
                given.text("routingKey").orElse(""),
                given.texts("arguments"));
    }

    /** Answers which queues a message would reach. The body is an object, and {} is enough; it may hold routing key and headers. */
    @PostMapping("/{exchange}/route")
    ResponseEntity<byte[]> route(@PathVariable String exchange, HttpServletRequest request) throws IOException {
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "routingKey", "headers");
        Map<String, String> headers = new LinkedHashMap<>();
        given.texts("headers")
                .forEach((name, value) -> headers.put(
                        name,
                        value.orElseThrow(() ->
                                new InvalidMessageException("headers", "an object of strings", name + ": null"))));
        try {
            List<Map<String, Object>> routes =
                    exchanges.route(exchange, given.text("routingKey").orElse(""), headers).stream()
                            .map(ExchangesController::shown)
                            .toList();
            return answer(200, Map.of("routes", routes));
        } catch (ExchangeNotFoundException unknown) {
            throw new ProblemException(Problem.unknownExchange(exchange));
        }
    }

    // ---- answers

    private static Map<String, Object> shown(Exchange exchange) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("exchange", exchange.name());
        shown.put("kind", exchange.kind().word());
        exchange.alternate().ifPresent(alternate -> shown.put("alternate", alternate));
        return shown;
    }

    private static Map<String, Object> shown(Route route) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("queue", route.queue());
        shown.put("bindings", route.bindings());
        return shown;
    }

    private static Map<String, Object> shown(Binding binding) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("exchange", binding.exchange());
        binding.queue().ifPresent(queue -> shown.put("queue", queue));
        binding.toExchange().ifPresent(exchange -> shown.put("toExchange", exchange));
        shown.put("routingKey", binding.routingKey());
        Map<String, Object> arguments = new LinkedHashMap<>();
        binding.arguments().forEach((name, value) -> arguments.put(name, value.orElse(null)));
        shown.put("arguments", arguments);
        return shown;
    }
}
