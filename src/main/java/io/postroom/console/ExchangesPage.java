package io.postroom.console;

import io.postroom.api.Route;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import io.postroom.internal.postgres.console.BindingLine;
import io.postroom.internal.postgres.console.ExchangeLine;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows exchanges and their bindings, and where a message with a key would go. */
@RestController
@RequestMapping({ConsoleController.ROOT + ExchangesPage.PATH, ConsoleController.HOME + ExchangesPage.PATH})
class ExchangesPage extends DatabasePages {
    static final String PATH = "/exchanges";
    private static final int ROWS = 100;

    ExchangesPage(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    /**
     * @param key null: no question was asked
     * @param page of the exchanges
     * @param from part of the bindings
     */
    @GetMapping
    ResponseEntity<byte[]> show(
            @RequestParam(defaultValue = "") String exchange,
            @RequestParam(required = false) @Nullable String key,
            @RequestParam(required = false) @Nullable String page,
            @RequestParam(required = false) @Nullable String from,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        String name = exchange.strip();
        Page shown = new Page(visit, PATH, "Exchanges");
        shown.heading("Where would this key go?");
        shown.search(PATH, Field.text("exchange", "Exchange", exchange), Field.text("key", "Routing key", key));
        Set<String> reached = key == null ? Set.of() : routes(shown, name, key);
        if (!name.isEmpty()) {
            bindings(shown, name, from, reached);
        }
        Slice<ExchangeLine> all =
                reads(visit).exchanges(Objects.requireNonNullElse(PageToken.read(page, visit.path(PATH)), ""), ROWS);
        shown.heading("Exchanges")
                .table(
                        "Exchanges by name",
                        List.of("Exchange", "Kind", "Alternate"),
                        all.rows().stream().map(one -> row(visit, one)).toList(),
                        "There is no exchange; messages name their queues.");
        shown.next(all.next()
                .map(next -> visit.path(PATH, "exchange", name, "page", PageToken.write(next, visit.path(PATH)))));
        return shown.answer();
    }

    private void bindings(Page page, String exchange, @Nullable String from, Set<String> reached) {
        String[] filter = {page.visit().path(PATH), "bindings", exchange};
        Slice<BindingLine> slice = reads(page.visit()).bindingsFrom(exchange, PageToken.read(from, filter), ROWS);
        page.heading("Bindings of " + exchange);
        if (!slice.rows().isEmpty() && slice.rows().size() <= TopologyPicture.MOST) {
            TopologyPicture.write(page.html(), exchange, slice.rows(), reached);
        }
        page.table(
                "Bindings that begin at this exchange",
                List.of("Leads to", "Routing key", "Headers"),
                slice.rows().stream().map(binding -> row(page.visit(), binding)).toList(),
                "It has no binding, or there is no such exchange.");
        page.next(slice.next()
                .map(next -> page.visit().path(PATH, "exchange", exchange, "from", PageToken.write(next, filter))));
    }

    private Set<String> routes(Page page, String exchange, String key) {
        List<Route> routes = engine(page.visit()).exchanges().route(exchange, key, Map.of());
        page.table(
                "Queues that a message with this key reaches",
                List.of("Queue", "By"),
                routes.stream()
                        .<List<Cell>>map(route -> List.of(
                                Cells.link(route.queue(), page.visit().path(QueuesPages.PATH + "/" + route.queue())),
                                Cells.text(String.join(", ", route.bindings()))))
                        .toList(),
                "It would reach no queue.");
        return routes.stream().map(Route::queue).collect(Collectors.toSet());
    }

    private static List<Cell> row(Visit visit, ExchangeLine exchange) {
        return List.of(
                Cells.link(exchange.name(), visit.path(PATH, "exchange", exchange.name())),
                Cells.text(exchange.kind()),
                Cells.text(exchange.alternate()));
    }

    private static List<Cell> row(Visit visit, BindingLine binding) {
        Cell target = binding.queue()
                .map(queue -> Cells.link(queue, visit.path(QueuesPages.PATH + "/" + queue)))
                .or(() -> binding.toExchange()
                        .map(other -> Cells.link("exchange " + other, visit.path(PATH, "exchange", other))))
                .orElse(Cells.text(""));
        return List.of(target, Cells.code(binding.routingKey()), Cells.text(binding.arguments()));
    }
}
