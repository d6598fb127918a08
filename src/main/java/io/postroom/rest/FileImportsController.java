package io.postroom.rest;

import io.postroom.api.FileImports;
import io.postroom.api.ImportedFile;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that look at imported files. */
@RestController
@RequestMapping(FileImportsController.PATH)
class FileImportsController extends ApiController {
    static final String PATH = "/api/v1/file-imports";

    private final FileImports imports;

    FileImportsController(FileImports imports) {
        this.imports = imports;
    }

    @GetMapping
    ResponseEntity<byte[]> list(@RequestParam(defaultValue = "100") int most) {
        return listed("files", imports.list(most), FileImportsController::shown);
    }

    private static Map<String, Object> shown(ImportedFile file) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("id", file.id().toString());
        shown.put("import", file.importName());
        shown.put("file", file.file());
        shown.put("size", file.size());
        shown.put("state", file.state().name());
        shown.put("position", file.position());
        shown.put("lines", file.lines());
        shown.put("messages", file.messages());
        shown.put("badLines", file.badLines());
        shown.put("startedAt", file.startedAt().toString());
        shown.put("changedAt", file.changedAt().toString());
        file.finishedAt().ifPresent(at -> shown.put("finishedAt", at.toString()));
        if (!file.error().isEmpty()) {
            shown.put("error", file.error());
        }
        return shown;
    }
}
