package io.postroom.console;

import io.postroom.console.Page.Field;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.regex.Pattern;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Logs people in by a token, and out. */
@RestController
@RequestMapping(ConsoleController.ROOT)
class LoginPages extends ConsoleController {
    /** A page of ours alone: an address of another site has a colon and two slashes. */
    private static final Pattern PAGE = Pattern.compile("(?:/[A-Za-z0-9][A-Za-z0-9._:-]*+)++");

    private static final int LONGEST_PAGE = 512;

    LoginPages(ConsoleGuard guard) {
        super(guard);
    }

    @Override
    boolean needsUser() {
        return false;
    }

    /**
     * Shows the form.
     *
     * @param to page to go to afterwards
     */
    @GetMapping("/login")
    ResponseEntity<byte[]> ask(@RequestParam(defaultValue = "") String to, HttpServletRequest request) {
        login();
        return form(request, to, "").answer();
    }

    @PostMapping("/login")
    ResponseEntity<byte[]> logIn(
            @RequestParam(defaultValue = "") String token,
            @RequestParam(defaultValue = "") String name,
            @RequestParam(defaultValue = "") String to,
            HttpServletRequest request) {
        Visit visit = Visit.of(request);
        if (name.length() > ConsoleUser.LONGEST_NAME || name.chars().anyMatch(Character::isISOControl)) {
            return form(request, to, "The name must be 1 to " + ConsoleUser.LONGEST_NAME + " characters.")
                    .answer(422);
        }
        TokenLogin.Login result = login().login(request.getRemoteAddr(), token, name);
        if (result.pause().isPresent()) {
            Duration wait = result.pause().get().plusSeconds(1);
            return form(request, to, "Too many wrong tokens from this address. Wait " + wait.toSeconds() + " seconds.")
                    .answer(429);
        }
        if (result.cookie().isEmpty() && result.isKnown()) {
            return form(request, to, "This token may not look at the console.").answer(403);
        }
        if (result.cookie().isEmpty()) {
            return form(request, to, "This is not the token.").answer(401);
        }
        String cookie = guard().cookie(
                        request, TokenLogin.COOKIE, result.cookie().get())
                .sameSite("Strict")
                .maxAge(TokenLogin.LIFE)
                .build()
                .toString();
        return Page.headers(ResponseEntity.status(303))
                .header(HttpHeaders.SET_COOKIE, cookie)
                .header(HttpHeaders.LOCATION, visit.path(isPage(to) ? to : ""))
                .build();
    }

    @PostMapping("/logout")
    ResponseEntity<byte[]> logOut(HttpServletRequest request) {
        login().logout(request);
        String cookie = guard().cookie(request, TokenLogin.COOKIE, "")
                .sameSite("Strict")
                .maxAge(0)
                .build()
                .toString();
        return Page.headers(ResponseEntity.status(303))
                .header(HttpHeaders.SET_COOKIE, cookie)
                .header(HttpHeaders.LOCATION, Visit.of(request).path("/login"))
                .build();
    }

    private TokenLogin login() {
        return guard().login()
                .orElseThrow(() ->
                        new ConsoleGuard.Refusal(404, "No login here", "The application itself says who you are."));
    }

    private static boolean isPage(String to) {
        return to.length() <= LONGEST_PAGE && PAGE.matcher(to).matches();
    }

    private static Page form(HttpServletRequest request, String to, String problem) {
        Page page = new Page(Visit.of(request).withoutUser(), "", "Log in");
        if (!problem.isEmpty()) {
            page.alert(problem);
        }
        return page.post(
                "/login",
                "Log in",
                Field.password("token", "Token of the server"),
                Field.text("name", "Your name, for the record", ""),
                Field.hidden("to", isPage(to) ? to : ""));
    }
}
