package io.postroom.rest;

import io.postroom.api.AccessRole;
import io.postroom.api.AccessTokens;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Reason;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that make, list and revoke tokens. A token is shown once, in the answer that makes it. */
@RestController
@RequestMapping("/api/v1/tokens")
class AccessTokensController extends ApiController {

    private final AccessTokens tokens;

    AccessTokensController(AccessTokens tokens) {
        this.tokens = tokens;
    }

    /**
     * Answers tokens by name.
     *
     * @param after the last name of the page before
     * @param limit most tokens, 1 to 1000; as many mean that there may be more
     */
    @GetMapping
    ResponseEntity<byte[]> list(
            @RequestParam(defaultValue = "") String after, @RequestParam(defaultValue = "100") int limit) {
        return answer(200, Answers.tokens(tokens.list(after, limit)));
    }

    @PostMapping
    ResponseEntity<byte[]> create(HttpServletRequest request) throws IOException {
        JsonMembers given =
                JsonMembers.read(RequestBody.read(request), "name", "role", "queues", "expiresAt", "reason", "actor");
        NewAccessToken token = new NewAccessToken(
                required(given, "name"),
                AccessRole.of(required(given, "role")),
                given.list("queues"),
                SettingsAnswer.instant(given, "expiresAt"));
        Optional<String> actor = Caller.actor(request, given.text("actor"));
        Optional<String> text = given.text("reason");
        String secret = text.isEmpty() && actor.isEmpty()
                ? tokens.create(token)
                : tokens.create(token, new Reason(text.orElse("not given"), actor));
        return answer(201, Answers.token(token.name(), secret));
    }

    @PostMapping("/{name}/revoke")
    ResponseEntity<byte[]> revoke(@PathVariable String name, HttpServletRequest request) {
        boolean revoked =
                reason(request).map(reason -> tokens.revoke(name, reason)).orElseGet(() -> tokens.revoke(name));
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", name);
        shown.put("revoked", revoked);
        return answer(200, shown);
    }

    private static String required(JsonMembers given, String member) {
        return given.text(member).orElseThrow(() -> new InvalidMessageException(member, "given", "nothing"));
    }

    @Override
    @ExceptionHandler
    ResponseEntity<byte[]> refused(InvalidMessageException refused) {
        return answer(Problem.invalidRequest(refused));
    }
}
