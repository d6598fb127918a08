package io.postroom.console;

import io.postroom.api.Limits;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import io.postroom.homes.HomeStatus;
import io.postroom.homes.PostroomHomes;
import io.postroom.homes.QueueHome;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import java.util.UUID;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Shows the homes of an application, what is wrong with each, and where a message is. */
@RestController
@RequestMapping(ConsoleController.ROOT + HomesPage.PATH)
class HomesPage extends ConsoleController {
    static final String PATH = Visit.HOMES;

    private final PostroomHomes homes;

    HomesPage(ConsoleGuard guard, PostroomHomes homes) {
        super(guard);
        this.homes = homes;
    }

    /**
     * @param id leads to the message, on the home that has it
     * @param queue whose home is asked for, or the homes of its parts
     */
    @GetMapping
    ResponseEntity<byte[]> show(
            @RequestParam(defaultValue = "") String id,
            @RequestParam(defaultValue = "") String queue,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        if (!id.isBlank()) {
            return message(visit, requireId(id));
        }
        Page page = new Page(visit, PATH, "Homes");
        page.text("Homes as this process sees them: one is in use from its start on.");
        page.search(PATH, Field.text("queue", "Queue", queue), Field.text("id", "Id of a message", ""));
        if (!queue.isBlank()) {
            queue(page, Limits.requireName("queue", queue.strip()));
        }
        page.refreshing(
                "homes",
                5,
                () -> page.table(
                        "Homes by name",
                        List.of("Home", "State", "Problems", "Warnings"),
                        homes.states().stream().map(home -> row(visit, home)).toList(),
                        "There is no home."));
        page.heading("Rules").preformatted("Where queues live", homes.rules().toString());
        return page.answer();
    }

    private static List<Cell> row(Visit visit, HomeStatus home) {
        return List.of(
                Cells.link(home.home(), visit.at(home.home()).path(QueuesPages.PATH)),
                Cells.state(!home.isUp() ? "not in use" : home.problems().isEmpty() ? "in use" : "failing"),
                Cells.text(String.join("; ", home.problems())),
                Cells.text(String.join("; ", home.warnings())));
    }

    private void queue(Page page, String queue) {
        page.heading("Where " + queue + " lives")
                .table(
                        "The queue, or its parts",
                        List.of("Queue", "Home"),
                        homes.rules().homesOf(queue).stream()
                                .map(place -> row(page.visit(), place))
                                .toList(),
                        "");
    }

    private static List<Cell> row(Visit visit, QueueHome place) {
        return List.of(
                Cells.link(place.queue(), visit.at(place.home()).path(QueuesPages.PATH + "/" + place.queue())),
                Cells.text(place.home()));
    }

    private ResponseEntity<byte[]> message(Visit visit, UUID id) {
        return homes.homeOf(id)
                .map(home -> Page.redirect(visit.at(home).path(MessagesPages.PATH + "/" + id)))
                .orElseGet(() -> new Page(visit, PATH, "Unknown message")
                        .text("No home has a message " + id + ". It was purged after its retention, or never was.")
                        .answer(404));
    }
}
