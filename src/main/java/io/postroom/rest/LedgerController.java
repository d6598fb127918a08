package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Ledger;
import io.postroom.api.LedgerFilter;
import java.util.Optional;
import java.util.UUID;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that read what people did. */
@RestController
@RequestMapping("/api/v1/ledger")
class LedgerController extends ApiController {
    private final Ledger ledger;

    LedgerController(Ledger ledger) {
        this.ledger = ledger;
    }

    /**
     * Answers lines, the newest first.
     *
     * @param before the last line of the page before
     * @param limit most lines, 1 to 1000; as many mean that there may be more
     */
    @GetMapping
    ResponseEntity<byte[]> lines(
            @RequestParam Optional<String> actor,
            @RequestParam Optional<String> action,
            @RequestParam Optional<String> queue,
            @RequestParam Optional<String> message,
            @RequestParam Optional<String> operation,
            @RequestParam Optional<String> before,
            @RequestParam(defaultValue = "100") int limit) {
        return answer(
                200,
                Answers.ledger(ledger.lines(new LedgerFilter(
                        actor,
                        action,
                        queue,
                        message.map(id -> requireId("message", id)),
                        operation.map(id -> requireId("operation", id)),
                        before.map(id -> requireId("before", id)),
                        limit))));
    }

    /**
     * Answers whether the chain of lines is whole.
     *
     * @param knownNumber lastNumber of an earlier check, together with its lastHash
     */
    @GetMapping("/check")
    ResponseEntity<byte[]> check(@RequestParam Optional<Long> knownNumber, @RequestParam Optional<String> knownHash) {
        if (knownNumber.isPresent() != knownHash.isPresent()) {
            throw new InvalidMessageException(
                    knownNumber.isPresent() ? "knownHash" : "knownNumber", "given together with the other", "nothing");
        }
        return answer(
                200,
                Answers.ledgerCheck(
                        knownNumber.isPresent()
                                ? ledger.check(knownNumber.get(), knownHash.orElseThrow())
                                : ledger.check()));
    }

    static UUID requireId(String field, String text) {
        UUID id = MessageRequest.uuid(text);
        if (id == null) {
            throw new InvalidMessageException(field, "a UUID", text);
        }
        return id;
    }
}
