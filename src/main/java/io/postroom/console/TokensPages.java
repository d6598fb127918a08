package io.postroom.console;

import io.postroom.api.AccessRole;
import io.postroom.api.AccessToken;
import io.postroom.api.NewAccessToken;
import io.postroom.console.Cells.Cell;
import io.postroom.console.Page.Field;
import io.postroom.internal.postgres.console.Slice;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Lists tokens, makes one and revokes one. */
@RestController
@RequestMapping({ConsoleController.ROOT + TokensPages.PATH, ConsoleController.HOME + TokensPages.PATH})
class TokensPages extends DatabasePages {
    static final String PATH = "/tokens";
    private static final int ROWS = 100;
    private static final List<String> ROLES =
            Arrays.stream(AccessRole.values()).map(AccessRole::word).toList();

    TokensPages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping
    ResponseEntity<byte[]> list(
            @RequestParam(required = false) @Nullable String done,
            @RequestParam(required = false) @Nullable String page,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        String after = PageToken.read(page, visit.path(PATH));
        List<AccessToken> found = engine(visit).accessTokens().list(after == null ? "" : after, ROWS);
        Page shown = new Page(visit, PATH, "Tokens");
        Done.show(shown, done);
        shown.text("Tokens let people and programs into the console and the HTTP API of servers. An application with"
                + " a console of its own takes none of them.");
        shown.table(
                "Tokens by name",
                List.of("Name", "Role", "Queues", "State", "Last used", "Expires", "Made", "Revoked", "Action"),
                found.stream().map(token -> row(shown, token)).toList(),
                "There is none beside those of the settings.");
        shown.next(Slice.of(found, ROWS, AccessToken::name)
                .next()
                .map(next -> visit.path(PATH, "page", PageToken.write(next, visit.path(PATH)))));
        if (visit.mayOperate()) {
            shown.heading("Make a token");
            shown.post(
                    PATH,
                    "Make it",
                    Field.required("name", "Name, for the record"),
                    Field.choice("role", "Role", AccessRole.READER.word(), ROLES),
                    Field.text("queues", "Queues of a producer, as in orders.*,mail", ""),
                    Field.text("expiresAt", "Expires, as in 2027-01-31T12:00:00Z", ""),
                    Field.required("reason", "Why"));
        }
        return shown.answer();
    }

    private static List<Cell> row(Page page, AccessToken token) {
        return List.of(
                Cells.text(token.name()),
                Cells.text(token.role().word()),
                Cells.text(String.join(", ", token.queues())),
                Cells.state(token.state().name()),
                token.lastUsedAt().isPresent() ? Cells.time(token.lastUsedAt()) : Cells.text("never"),
                token.expiresAt().isPresent() ? Cells.time(token.expiresAt()) : Cells.text("never"),
                happened(Optional.of(token.createdAt()), Optional.of(token.createdBy())),
                happened(token.revokedAt(), token.revokedBy()),
                html -> revoke(page, token));
    }

    private static Cell happened(Optional<Instant> at, Optional<String> by) {
        return html -> {
            Cells.time(at).write(html);
            by.ifPresent(name -> html.text(" by " + name));
        };
    }

    private static void revoke(Page page, AccessToken token) {
        if (token.state() != AccessToken.State.IN_USE || !page.visit().mayOperate()) {
            return;
        }
        page.html().open("details").element("summary", "Revoke " + token.name());
        page.post(PATH + "/" + token.name() + "/revoke", "Revoke", Field.required("reason", "Why"));
        page.html().close();
    }

    /**
     * Shows the token in the answer to the form: an address would be kept in histories and logs. A reload makes no second one, because a
     * name is never used again.
     */
    @PostMapping
    ResponseEntity<byte[]> create(
            @RequestParam(defaultValue = "") String name,
            @RequestParam(defaultValue = "") String role,
            @RequestParam(defaultValue = "") String queues,
            @RequestParam(defaultValue = "") String expiresAt,
            @RequestParam(defaultValue = "") String reason,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        NewAccessToken wanted =
                new NewAccessToken(name.strip(), AccessRole.of(role), patterns(queues), end(expiresAt.strip()));
        String token = engine(visit).accessTokens().create(wanted, visit.because(reason));
        Page page = new Page(visit, PATH, "Token " + wanted.name());
        page.notice("It is made. Keep it now: it is shown this once, and the database has its hash alone.");
        page.preformatted("The token", token);
        return page.link("Back to the tokens", visit.path(PATH)).answer();
    }

    @PostMapping("/{name}/revoke")
    ResponseEntity<byte[]> revoke(
            @PathVariable String name, @RequestParam(defaultValue = "") String reason, HttpServletRequest request) {
        Visit visit = Visit.of(request);
        boolean revoked = engine(visit).accessTokens().revoke(name, visit.because(reason));
        return Page.redirect(visit.path(PATH, "done", revoked ? "revoked" : "unchanged"));
    }

    private static List<String> patterns(String queues) {
        return Arrays.stream(queues.split("[,\\s]+"))
                .filter(pattern -> !pattern.isEmpty())
                .toList();
    }

    private static Optional<Instant> end(String expiresAt) {
        if (expiresAt.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(requireTime("expiresAt", A_TIME + ", or left out", expiresAt));
    }
}
