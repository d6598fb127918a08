package io.postroom.rest;

import io.postroom.api.Definitions;
import io.postroom.api.ImportOptions;
import io.postroom.api.ImportReport;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Takes and gives definitions files: {@code /api/v1/definitions} those of Postroom, {@code …/rabbitmq} those of RabbitMQ. */
@RestController
@RequestMapping("/api/v1/definitions")
class DefinitionsController extends ApiController {
    private final Definitions definitions;

    DefinitionsController(Definitions definitions) {
        this.definitions = definitions;
    }

    /** @param rename names of the file and ours, each as {@code old=new} */
    @PostMapping
    ResponseEntity<byte[]> importFile(
            HttpServletRequest request,
            @RequestParam(defaultValue = "false") boolean dryRun,
            @RequestParam(defaultValue = "") List<String> rename)
            throws IOException {
        return answer(definitions.importFile(
                file(request), ImportRequest.options(dryRun, Optional.empty(), rename, reason(request))));
    }

    @GetMapping
    ResponseEntity<byte[]> export() {
        return file(definitions.exportFile());
    }

    @PostMapping("/rabbitmq")
    ResponseEntity<byte[]> importRabbitMq(
            HttpServletRequest request,
            @RequestParam(defaultValue = "false") boolean dryRun,
            @RequestParam Optional<String> virtualHost,
            @RequestParam(defaultValue = "") List<String> rename)
            throws IOException {
        ImportOptions options = ImportRequest.options(dryRun, virtualHost, rename, reason(request));
        return answer(definitions.importRabbitMq(file(request), options));
    }

    @GetMapping("/rabbitmq")
    ResponseEntity<byte[]> exportRabbitMq(@RequestParam(defaultValue = "/") String virtualHost) {
        return file(definitions.exportRabbitMq(virtualHost));
    }

    private static String file(HttpServletRequest request) throws IOException {
        return RequestBody.read(request, Definitions.LONGEST_FILE);
    }

    private static ResponseEntity<byte[]> file(String text) {
        return answer(200).body((text + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private static ResponseEntity<byte[]> answer(ImportReport report) {
        return answer(200, Answers.report(report));
    }
}
