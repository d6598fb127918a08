package io.postroom.server;

import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Says what this server is, to people who open it in a browser. Needs no token, because it shows nothing secret. */
@RestController
class WelcomeController {
    private final String version;
    private final boolean token;
    private final String console;

    /** @param console path of the console; empty: it is off */
    WelcomeController(String version, boolean token, String console) {
        this.version = version;
        this.token = token;
        this.console = console;
    }

    @GetMapping("/")
    ResponseEntity<String> welcome() {
        return ResponseEntity.ok()
                .contentType(MediaType.parseMediaType("text/plain;charset=UTF-8"))
                .body("""
                        Postroom %s, a message queue in PostgreSQL

                        POST /api/v1/messages               create a message: {"queue": "hello", "payload": {"text": "Hello"}}
                        GET  /api/v1/messages/{id}          where it stands and what happened to it
                        GET  /api/v1/messages/{id}/explain  why it is not running now
                        POST /api/v1/messages/{id}/cancel   cancel it where it still waits
                        %s%s""".formatted(
                                version,
                                console.isEmpty() ? "" : "\nPages for people: " + console + "\n",
                                token ? "\nAuthorization: Bearer <token>\n" : ""));
    }
}
