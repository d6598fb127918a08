package io.postroom.rest;

import io.postroom.api.Database;
import io.postroom.api.Durations;
import java.util.Optional;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers how the database stands, and what to do about it. */
@RestController
@RequestMapping("/api/v1/database")
class DatabaseController extends ApiController {
    private final Database database;

    DatabaseController(Database database) {
        this.database = database;
    }

    /** @param olderThan a transaction that keeps deleted rows for longer is a problem; default 5m */
    @GetMapping
    ResponseEntity<byte[]> health(@RequestParam Optional<String> olderThan) {
        return answer(
                200,
                Answers.database(database.health(olderThan
                        .map(text -> Durations.parse("olderThan", text))
                        .orElse(Database.USUAL_AGE))));
    }
}
