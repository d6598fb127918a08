package io.postroom.rest;

import io.postroom.api.Batch;
import io.postroom.api.BatchNotFoundException;
import io.postroom.api.Batches;
import io.postroom.api.CreateBatch;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that create, seal, cancel and look at batches. Members come by the member {@code batch} of messages. */
@RestController
@RequestMapping(BatchesController.PATH)
class BatchesController extends ApiController {
    static final String PATH = "/api/v1/batches";

    private final Batches batches;

    BatchesController(Batches batches) {
        this.batches = batches;
    }

    @PostMapping
    ResponseEntity<byte[]> create(HttpServletRequest request) throws IOException {
        JsonMembers given = JsonMembers.read(RequestBody.read(request), "name", "parent", "completion");
        String name = given.text("name").orElseThrow(() -> new InvalidMessageException("name", "given", "nothing"));
        CreateBatch batch = CreateBatch.named(name);
        Optional<UUID> parent = given.text("parent").map(text -> requireUuid("parent", text));
        if (parent.isPresent()) {
            batch = batch.parent(parent.get());
        }
        Optional<CreateMessage> completion = given.json("completion").map(text -> MessageRequest.read(text, null));
        if (completion.isPresent()) {
            batch = batch.onCompletion(completion.get());
        }
        return answer(201, Map.of("batch", batches.create(batch).toString()));
    }

    /**
     * @param completed whether completed batches belong to the list
     * @param before only batches older than this one
     */
    @GetMapping
    ResponseEntity<byte[]> list(
            @RequestParam(defaultValue = "false") boolean completed,
            @RequestParam(required = false) UUID before,
            @RequestParam(defaultValue = "100") int limit) {
        return listed("batches", batches.list(completed, Optional.ofNullable(before), limit), BatchesController::shown);
    }

    @GetMapping("/{batch}")
    ResponseEntity<byte[]> find(@PathVariable String batch) {
        UUID id = idIn(batch);
        return answer(200, shown(batches.find(id).orElseThrow(() -> new BatchNotFoundException(id))));
    }

    @PostMapping("/{batch}/seal")
    ResponseEntity<byte[]> seal(@PathVariable String batch) {
        return answer(200, Map.of("sealed", batches.seal(idIn(batch))));
    }

    @PostMapping("/{batch}/cancel")
    ResponseEntity<byte[]> cancel(@PathVariable String batch, HttpServletRequest request) {
        UUID id = idIn(batch);
        boolean cancelled =
                reason(request).map(reason -> batches.cancel(id, reason)).orElseGet(() -> batches.cancel(id));
        return answer(200, Map.of("cancelled", cancelled));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(BatchNotFoundException refused) {
        return answer(Problem.unknownBatch(refused.batch().toString()));
    }

    private static UUID idIn(String path) {
        UUID id = MessageRequest.uuid(path);
        if (id == null) {
            throw new ProblemException(Problem.unknownBatch(path));
        }
        return id;
    }

    private static UUID requireUuid(String field, String text) {
        UUID id = MessageRequest.uuid(text);
        if (id == null) {
            throw new InvalidMessageException(field, "the id of a batch", text);
        }
        return id;
    }

    private static Map<String, Object> shown(Batch batch) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("batch", batch.id().toString());
        shown.put("name", batch.name());
        batch.parent().ifPresent(parent -> shown.put("parent", parent.toString()));
        shown.put("state", batch.state().name());
        shown.put("total", batch.total());
        shown.put("waiting", batch.waiting());
        shown.put("inProgress", batch.inProgress());
        shown.put("done", batch.done());
        shown.put("dead", batch.dead());
        shown.put("cancelled", batch.cancelled());
        shown.put("expired", batch.expired());
        shown.put("purged", batch.purged());
        shown.put("children", batch.children());
        shown.put("childrenCompleted", batch.childrenCompleted());
        shown.put("createdAt", batch.createdAt().toString());
        batch.sealedAt().ifPresent(at -> shown.put("sealedAt", at.toString()));
        batch.cancelledAt().ifPresent(at -> shown.put("cancelledAt", at.toString()));
        batch.completedAt().ifPresent(at -> shown.put("completedAt", at.toString()));
        batch.completionMessage().ifPresent(id -> shown.put("completionMessage", id.toString()));
        shown.put("countedAt", batch.countedAt().toString());
        batch.problem().ifPresent(problem -> shown.put("problem", problem));
        return shown;
    }
}
