package io.postroom.console;

import io.postroom.console.Cells.Cell;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;

/** A page under construction: the frame that all have, and the parts they are made of. Used by one request. */
final class Page {
    /** No script and no style but those of our own files, no frame around a page, no form to another site. */
    static final String POLICY =
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';"
                    + " form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private static final MediaType TYPE = new MediaType("text", "html", StandardCharsets.UTF_8);

    private static final Map<String, String> MENU = menu();

    private final Visit visit;
    private final Html html = new Html();

    /** @param section path of the entry of the menu that the page belongs to */
    Page(Visit visit, String section, String title) {
        this.visit = visit;
        html.open("html", "lang", "en").line().open("head").line();
        html.open("meta", "charset", "utf-8")
                .open("meta", "name", "viewport", "content", "width=device-width, initial-scale=1")
                .line();
        html.element("title", title + visit.home().map(home -> " · " + home).orElse("") + " · Postroom")
                .line();
        html.open("link", "rel", "stylesheet", "href", visit.atRoot().path("/assets/console.css"));
        html.open("script", "src", visit.atRoot().path("/assets/console.js"), "defer", "")
                .close();
        html.close().line().open("body").line();
        html.element("a", "Skip to the content", "href", "#main", "class", "skip")
                .line();
        frame(section);
        html.open("main", "id", "main").line().element("h1", title).line();
    }

    private static Map<String, String> menu() {
        Map<String, String> menu = new LinkedHashMap<>();
        menu.put("/queues", "Queues");
        menu.put("/messages", "Messages");
        menu.put("/dead-letters", "Dead letters");
        menu.put("/operations", "Operations");
        menu.put("/workers", "Workers");
        menu.put("/exchanges", "Exchanges");
        menu.put("/schedules", "Schedules");
        menu.put("/batches", "Batches");
        menu.put("/limits", "Limiters");
        menu.put("/settings", "Settings");
        menu.put("/incoming", "Incoming");
        menu.put("/tokens", "Tokens");
        menu.put("/ledger", "Ledger");
        menu.put("/database", "Database");
        return menu;
    }

    private void frame(String section) {
        html.open("header")
                .element(
                        "strong",
                        "Postroom" + visit.home().map(home -> " · " + home).orElse(""));
        if (visit.user().isPresent()) {
            html.open("nav", "aria-label", "Pages").open("ul");
            if (visit.hasHomes()) {
                entry(visit.atRoot(), HomesPage.PATH, "Homes", section);
            }
            if (!visit.hasHomes() || visit.home().isPresent()) {
                MENU.forEach((path, name) -> entry(visit, path, name, section));
            }
            html.close().close();
            html.open("div", "class", "user")
                    .text(visit.actor() + (visit.mayOperate() ? "" : " (reads)"))
                    .text(" ");
            if (visit.canLogOut()) {
                post("/logout", "Log out");
            }
            html.close();
        }
        html.close().line();
    }

    private void entry(Visit of, String path, String name, String section) {
        html.open("li")
                .element("a", name, "href", of.path(path), "aria-current", path.equals(section) ? "page" : null)
                .close();
    }

    Visit visit() {
        return visit;
    }

    Html html() {
        return html;
    }

    Page text(String text) {
        html.element("p", text).line();
        return this;
    }

    /** Adds a heading. */
    Page heading(String text) {
        html.element("h2", text).line();
        return this;
    }

    /** Adds a sentence that stands out; people who hear the page hear it first. */
    Page notice(String text) {
        html.element("p", text, "role", "status", "class", "notice").line();
        return this;
    }

    Page alert(String text) {
        html.element("p", text, "role", "alert", "class", "alert").line();
        return this;
    }

    /**
     * Adds a part that a script loads anew while the page is seen.
     *
     * @param id of this page alone
     */
    Page refreshing(String id, int seconds, Runnable part) {
        html.open("div", "id", id, "data-refresh", String.valueOf(seconds)).line();
        part.run();
        html.close().line();
        return this;
    }

    /** Adds a list of names and what stands behind them. */
    Page facts(Map<String, Cell> facts) {
        html.open("dl");
        facts.forEach((name, cell) -> {
            html.open("div").element("dt", name).open("dd");
            cell.write(html);
            html.close().close();
        });
        html.close().line();
        return this;
    }

    /**
     * Adds a table.
     *
     * @param caption what its rows are, for people who hear the page
     * @param empty shown instead of a table without rows
     */
    Page table(String caption, List<String> columns, List<List<Cell>> rows, String empty) {
        if (rows.isEmpty()) {
            html.element("p", empty, "class", "empty").line();
            return this;
        }
        html.open("div", "class", "wide", "tabindex", "0", "role", "region", "aria-label", caption);
        html.open("table").element("caption", caption).open("thead").open("tr");
        columns.forEach(column -> html.element("th", column, "scope", "col"));
        html.close().close().line().open("tbody").line();
        for (List<Cell> row : rows) {
            html.open("tr");
            for (int i = 0; i < row.size(); i++) {
                html.open(i == 0 ? "th" : "td", "scope", i == 0 ? "row" : null);
                row.get(i).write(html);
                html.close();
            }
            html.close().line();
        }
        html.close().close().close().line();
        return this;
    }

    /** Adds a link in a line of its own. */
    Page link(String text, String href) {
        html.open("p").element("a", text, "href", href).close().line();
        return this;
    }

    /** Adds a link to the next page of a list, if there is one. */
    Page next(Optional<String> href) {
        href.ifPresent(path -> html.open("p")
                .element("a", "Next page", "href", path, "rel", "next", "class", "next")
                .close()
                .line());
        return this;
    }

    /** Adds a text as it is, with its lines. */
    Page preformatted(String label, String text) {
        html.open("pre", "tabindex", "0", "role", "region", "aria-label", label)
                .text(text)
                .close()
                .line();
        return this;
    }

    /** Adds a form that changes the address alone. */
    Page search(String page, Field... fields) {
        html.open("form", "method", "get", "action", visit.path(page), "role", "search", "class", "fields");
        for (Field field : fields) {
            field.write(html);
        }
        html.element("button", "Show").close().line();
        return this;
    }

    /** Adds a form that changes something, if the user may. */
    Page post(String action, String button, Field... fields) {
        boolean isLogin = action.equals("/logout") || action.equals("/login");
        if (!visit.mayOperate() && !isLogin) {
            return this;
        }
        html.open(
                "form",
                "method",
                "post",
                "action",
                (isLogin ? visit.atRoot() : visit).path(action),
                "class",
                fields.length > 0 ? "fields" : "one");
        html.open("input", "type", "hidden", "name", ConsoleGuard.CSRF_FIELD, "value", visit.csrf());
        for (Field field : fields) {
            field.write(html);
        }
        html.element("button", button).close().line();
        return this;
    }

    /**
     * A field of a form.
     *
     * @param type as in HTML; {@code select} with {@code choices}; {@code hidden} without a label
     */
    record Field(String name, String label, String type, String value, List<String> choices) {
        static Field text(String name, String label, @Nullable String value) {
            return new Field(name, label, "text", value == null ? "" : value, List.of());
        }

        static Field required(String name, String label) {
            return new Field(name, label, "required", "", List.of());
        }

        static Field password(String name, String label) {
            return new Field(name, label, "password", "", List.of());
        }

        static Field number(String name, String label, long value) {
            return new Field(name, label, "number", String.valueOf(value), List.of());
        }

        static Field hidden(String name, @Nullable String value) {
            return new Field(name, "", "hidden", value == null ? "" : value, List.of());
        }

        static Field choice(String name, String label, @Nullable String value, List<String> choices) {
            return new Field(name, label, "select", value == null ? "" : value, choices);
        }

        private void write(Html html) {
            if (type.equals("hidden")) {
                html.open("input", "type", "hidden", "name", name, "value", value);
                return;
            }
            html.open("label").element("span", label);
            if (type.equals("select")) {
                html.open("select", "name", name);
                for (String choice : choices) {
                    html.element(
                            "option",
                            choice.isEmpty() ? "any" : choice,
                            "value",
                            choice,
                            "selected",
                            choice.equals(value) ? "" : null);
                }
                html.close();
            } else {
                boolean required = type.equals("required") || type.equals("password");
                html.open(
                        "input",
                        "type",
                        type.equals("required") ? "text" : type,
                        "name",
                        name,
                        "value",
                        value,
                        "required",
                        required ? "" : null,
                        "autocomplete",
                        type.equals("password") ? "current-password" : "off",
                        "maxlength",
                        "255");
            }
            html.close();
        }
    }

    ResponseEntity<byte[]> answer() {
        return answer(200);
    }

    ResponseEntity<byte[]> answer(int status) {
        return headers(ResponseEntity.status(status))
                .contentType(TYPE)
                .body(html.finish().getBytes(StandardCharsets.UTF_8));
    }

    /** Sends the browser to another page. A reload of that one repeats nothing. */
    static ResponseEntity<byte[]> redirect(String path) {
        return headers(ResponseEntity.status(303))
                .header(HttpHeaders.LOCATION, path)
                .build();
    }

    static ResponseEntity.BodyBuilder headers(ResponseEntity.BodyBuilder answer) {
        return answer.header("Content-Security-Policy", POLICY)
                .header("X-Frame-Options", "DENY")
                .header("X-Content-Type-Options", "nosniff")
                .header("Referrer-Policy", "same-origin")
                .header("Cross-Origin-Opener-Policy", "same-origin")
                .header(HttpHeaders.CACHE_CONTROL, "no-store");
    }
}
