package io.postroom.console;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.Exchanges;
import io.postroom.api.Route;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows exchanges and their bindings, and where a message with a key would go. */
@RestController
@RequestMapping("${postroom.console.path:/console}" + ExchangesPage.PATH)
class ExchangesPage extends ConsoleController {
    static final String PATH = "/exchanges";

    private final Exchanges exchanges;

    ExchangesPage(ConsoleGuard guard, Exchanges exchanges) {
        super(guard);
        this.exchanges = exchanges;
    }

    /** @param key null: no question was asked */
    @GetMapping
    ResponseEntity<byte[]> show(
            @RequestParam(defaultValue = "") String exchange,
            @RequestParam(required = false) @Nullable String key,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        Page page = new Page(visit, PATH, "Exchanges");
        page.heading("Where would this key go?");
        page.search(PATH, Field.text("exchange", "Exchange", exchange), Field.text("key", "Routing key", key));
        if (key != null) {
            routes(page, exchange.strip(), key);
        }
        List<Exchange> all = exchanges.list();
        page.heading("Exchanges")
                .table(
                        "Exchanges by name",
                        List.of("Exchange", "Kind", "Alternate"),
                        all.stream().map(one -> row(visit, one)).toList(),
                        "There is no exchange; messages name their queues.");
        if (!exchange.isBlank()) {
            page.heading("Bindings of " + exchange.strip())
                    .table(
                            "Bindings that begin at this exchange",
                            List.of("Leads to", "Routing key", "Headers"),
                            exchanges.bindings(exchange.strip()).stream()
                                    .map(binding -> row(visit, binding))
                                    .toList(),
                            "It has no binding, or there is no such exchange.");
        }
        return page.answer();
    }

    private void routes(Page page, String exchange, String key) {
        List<Route> routes = exchanges.route(exchange, key, Map.of());
        page.table(
                "Queues that a message with this key reaches",
                List.of("Queue", "By"),
                routes.stream()
                        .<List<Cell>>map(route -> List.of(
                                Cells.link(route.queue(), page.visit().path(QueuesPages.PATH + "/" + route.queue())),
                                Cells.text(String.join(", ", route.bindings()))))
                        .toList(),
                "It would reach no queue.");
    }

    private static List<Cell> row(Visit visit, Exchange exchange) {
        return List.of(
                Cells.link(exchange.name(), visit.path(PATH, "exchange", exchange.name())),
                Cells.text(exchange.kind().name().toLowerCase(Locale.ROOT)),
                Cells.text(exchange.alternate()));
    }

    private static List<Cell> row(Visit visit, Binding binding) {
        Cell target = binding.queue()
                .map(queue -> Cells.link(queue, visit.path(QueuesPages.PATH + "/" + queue)))
                .or(() -> binding.toExchange()
                        .map(other -> Cells.link("exchange " + other, visit.path(PATH, "exchange", other))))
                .orElse(Cells.text(""));
        String arguments = binding.arguments().entrySet().stream()
                .map(argument -> argument.getKey() + "=" + argument.getValue().orElse("(any)"))
                .collect(Collectors.joining(", "));
        return List.of(target, Cells.code(binding.routingKey()), Cells.text(arguments));
    }
}
