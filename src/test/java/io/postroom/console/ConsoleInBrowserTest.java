package io.postroom.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.deque.html.axecore.results.Rule;
import com.deque.html.axecore.selenium.AxeBuilder;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Reason;
import io.postroom.api.Schedule;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.By;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.JavascriptExecutor;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * The console in a headless Chromium that the machine has; skipped where it has none. Checks pages with axe, which takes a second or more
 * for each: with {@code -Dpostroom.console.pages=all} all of them, else those with parts of their own. With {@code
 * -Dpostroom.console.screenshots=true} it makes the pictures of docs, one for each page and together below a megabyte.
 */
@PostgresTest
class ConsoleInBrowserTest {
    private static final List<String> PROGRAMS = List.of("/usr/bin/chromium", "/usr/bin/chromium-browser");
    private static final Path DRIVER = Path.of("/usr/bin/chromedriver");
    private static final boolean PICTURES = Boolean.getBoolean("postroom.console.screenshots");

    private static final boolean ALL = "all".equals(System.getProperty("postroom.console.pages"));
    private static final Set<String> WITH_PARTS_OF_THEIR_OWN =
            Set.of("/queues/notifications", "/dead-letters", "/tokens", "/exchanges?exchange=orders&key=order.paid");
    /** Pages whose pictures have a name of their own. */
    private static final Map<String, String> NAMES = Map.of(
            "/messages?queue=invoices&state=READY",
            "",
            "/dead-letters",
            "errors",
            "/dead-letters?queue=notifications&fingerprint=a3f9c2d1",
            "dead-letters",
            "/queues/notifications",
            "queue",
            "/schedules/nightly-report",
            "schedule");

    private static RunningServer server;
    private static TestDatabase database;
    private static Postroom other;
    private static JdbcClient sql;
    private static ChromeDriver browser;
    private static UUID dead;

    @BeforeAll
    static void start(TestDatabase given) {
        database = given;
        Path program = PROGRAMS.stream()
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
        Assumptions.assumeTrue(
                program != null && Files.isExecutable(DRIVER), "no chromium and chromedriver in /usr/bin");
        server = RunningServer.on(database);
        sql = JdbcClient.create(database.pool());
        other = Postroom.on(database.pool())
                .schema(SchemaMode.NONE)
                .workers(false)
                .start();
        fill();
        ChromeOptions options = new ChromeOptions();
        options.setBinary(program.toString());
        options.addArguments(
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900");
        browser = new ChromeDriver(
                new ChromeDriverService.Builder()
                        .usingDriverExecutable(DRIVER.toFile())
                        .build(),
                options);
    }

    @AfterAll
    static void stop() {
        Stream.of(browser == null ? null : (AutoCloseable) browser::quit, other, server)
                .filter(java.util.Objects::nonNull)
                .forEach(ConsoleInBrowserTest::close);
    }

    private static void close(AutoCloseable opened) {
        try {
            opened.close();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static void fill() {
        for (int i = 0; i < 40; i++) {
            other.queueMessages()
                    .createMessage(CreateMessage.to("invoices")
                            .json("{\"invoice\": " + i + "}")
                            .priority(3 + i % 4));
            other.queueMessages()
                    .createMessage(CreateMessage.to("notifications")
                            .json("ticket.mail", 1, "{\"ticket\": \"T-" + i + "\", \"customer\": {\"name\": \"Ann\"}}")
                            .correlationId("ticket-" + i));
        }
        for (int i = 0; i < 7; i++) {
            dead = deadLetter(
                    i < 5 ? "a3f9c2d1" : "77b0e4aa",
                    i < 5
                            ? "SmtpException: 451 4.7.1 greylisted, try again later\n\tat provider.Mail.send(Mail.java:42)"
                            : "IllegalArgumentException: the address \"ann@\" cannot be read");
        }
        other.accessTokens()
                .create(
                        NewAccessToken.reader("dashboard"),
                        Reason.of("for the wall").by("ann"));
        other.accessTokens().create(NewAccessToken.producer("shop", "orders.*", "mail"));
        other.accessTokens().revoke("shop", Reason.of("it was in a log").by("ann"));
        other.exchanges().declare(Exchange.topic("orders"));
        other.exchanges().bind(Binding.from("orders").key("order.#").to("invoices"));
        other.schedules()
                .declare(Schedule.cron("nightly-report", "0 0 3 * * *")
                        .message(CreateMessage.to("reports").json("{}")));
    }

    private static UUID deadLetter(String fingerprint, String error) {
        UUID id = other.queueMessages()
                .createMessage(
                        CreateMessage.to("notifications").json("{\"ticket\": \"T-1001\", \"to\": \"ann@example.org\"}"))
                .id();
        sql.sql("""
                WITH gone AS (DELETE FROM postroom.ready WHERE message_id = :id RETURNING *),
                     tried AS (INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, number, outcome,
                                                             error)
                               SELECT message_id, now() - n * interval '1 minute', now() - n * interval '1 minute' + interval '80 ms',
                                      1, queue_id, 4 - n, CASE n WHEN 1 THEN 7 ELSE 3 END, :error
                               FROM gone, generate_series(3, 1, -1) n)
                INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class,
                                                  error, fingerprint)
                SELECT queue_id, priority, 3, 0, 3, message_id, 'attempts_spent', 'org.example.SmtpException', :error, :print FROM gone
                """)
                .param("id", id)
                .param("error", error)
                .param("print", fingerprint)
                .update();
        return id;
    }

    private static void open(String path) {
        browser.get("http://127.0.0.1:" + server.port() + "/console" + path);
    }

    /** One test for the pages: a browser starts slowly. */
    @Test
    void pages_pass_the_accessibility_check_in_light_or_dark_and_at_twice_the_size() throws IOException {
        boolean isDark = true;
        for (String path : pages()) {
            browser.manage().window().setSize(new Dimension(1280, 900));
            isDark = !isDark;
            color(isDark ? "dark" : "light");
            open(path);
            List<Rule> violations = new AxeBuilder().analyze(browser).getViolations();
            assertThat(violations).as(path).isEmpty();
            browser.manage().window().setSize(new Dimension(640, 900)); // as a page at 200 % on 1280 pixels
            Long wider =
                    (Long) script("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assertThat(wider).as("pixels that %s is too wide", path).isLessThanOrEqualTo(0L);
            color("light");
            picture(path);
        }
    }

    private static List<String> pages() {
        return Stream.of(
                        "/queues",
                        "/queues/notifications",
                        "/messages",
                        "/messages?queue=invoices&state=READY",
                        "/messages/" + dead,
                        "/dead-letters",
                        "/dead-letters?queue=notifications&fingerprint=a3f9c2d1",
                        "/operations",
                        "/workers",
                        "/exchanges?exchange=orders&key=order.paid",
                        "/schedules",
                        "/schedules/nightly-report",
                        "/batches",
                        "/limits",
                        "/settings",
                        "/incoming",
                        "/tokens",
                        "/ledger",
                        "/database",
                        "/queues/none")
                .filter(path ->
                        ALL || PICTURES || WITH_PARTS_OF_THEIR_OWN.contains(path) || path.endsWith(dead.toString()))
                .toList();
    }

    private static void color(String scheme) {
        browser.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
    }

    private static Object script(String text) {
        return ((JavascriptExecutor) browser).executeScript(text);
    }

    private static void picture(String path) throws IOException {
        String name = path.equals("/messages/" + dead)
                ? "message"
                : NAMES.getOrDefault(path, path.substring(1).replaceFirst("\\?.*", ""));
        if (PICTURES && !name.isEmpty() && !path.equals("/queues/none")) {
            browser.manage().window().setSize(new Dimension(1180, name.equals("queues") ? 680 : 900));
            script(
                    "document.querySelectorAll('details').forEach(one => { one.open = one.closest('table') === null; })");
            Files.write(Path.of("docs/console-" + name + ".png"), browser.getScreenshotAs(OutputType.BYTES));
        }
    }

    @Test
    void figures_refresh_by_themselves_and_a_form_is_sent_by_the_keyboard() {
        open("/queues/reports");
        assertThat(browser.findElements(By.className("alert"))).isNotEmpty();
        other.queueMessages().createMessage("fresh", "1");
        open("/queues/fresh");
        awaitCounts("Ready\n1");
        other.queueMessages().createMessage("fresh", "2");
        awaitCounts("Ready\n2"); // by itself
        browser.findElement(By.cssSelector(".actions button")).sendKeys(Keys.ENTER);
        await().until(() -> !browser.findElements(By.cssSelector(".notice")).isEmpty());
        awaitCounts("The queue is paused");
        slow_database_shows_as_slow_and_the_note_goes_with_fresh_figures();
    }

    /** Reads wait for the lock and are ended after two seconds. The script is told to look now, which saves its pause. */
    private void slow_database_shows_as_slow_and_the_note_goes_with_fresh_figures() {
        try (Connection holder = database.connect()) {
            holder.setAutoCommit(false);
            holder.createStatement().execute("LOCK TABLE postroom.queue IN ACCESS EXCLUSIVE MODE");
            script("getSelection().selectAllChildren(document.getElementById('counts'))");
            lookNow();
            await().until(() -> !browser.findElements(By.id("late")).isEmpty());
            assertThat(browser.findElement(By.id("late")).getText()).startsWith("These figures are of ");
            assertThat(browser.findElement(By.id("counts")).getText())
                    .as("the figures stay, and they are in use")
                    .contains("Ready\n2");
            holder.rollback();
        } catch (SQLException failed) {
            throw new IllegalStateException(failed);
        }
        script("getSelection().removeAllRanges()");
        lookNow();
        await().until(() -> browser.findElements(By.id("late")).isEmpty());
    }

    private static void lookNow() {
        script("refresh(document.getElementById('counts'))");
    }

    /** Awaits a text in the part that refreshes itself: between the look for it and its text, a new one may have taken its place. */
    private static void awaitCounts(String text) {
        await().ignoreException(StaleElementReferenceException.class)
                .until(() -> browser.findElement(By.id("counts")).getText().contains(text));
    }
}
