package io.postroom.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Answers the two files that pages load. They say nothing about anybody, so the guard is not asked. */
@RestController
@RequestMapping(ConsoleController.ROOT + "/assets")
class Assets {
    private final byte[] style = read("console.css");
    private final byte[] script = read("console.js");

    @GetMapping("/console.css")
    ResponseEntity<byte[]> style() {
        return answer("text/css;charset=UTF-8", style);
    }

    @GetMapping("/console.js")
    ResponseEntity<byte[]> script() {
        return answer("text/javascript;charset=UTF-8", script);
    }

    private static ResponseEntity<byte[]> answer(String type, byte[] file) {
        return ResponseEntity.ok()
                .contentType(MediaType.parseMediaType(type))
                .header("X-Content-Type-Options", "nosniff")
                .header(HttpHeaders.CACHE_CONTROL, "max-age=300")
                .body(file);
    }

    private static byte[] read(String name) {
        try (InputStream file = Assets.class.getResourceAsStream(name)) {
            return Objects.requireNonNull(file, name).readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
