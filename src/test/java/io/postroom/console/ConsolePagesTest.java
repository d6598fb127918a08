package io.postroom.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.Binding;
import io.postroom.api.CreateBatch;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.Limiter;
import io.postroom.api.QueueSettings;
import io.postroom.api.Schedule;
import io.postroom.api.SettingsEntry;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What pages show and do, on the server as it starts. */
@PostgresTest
class ConsolePagesTest {
    private static final Pattern ROW = Pattern.compile("/messages/([0-9a-f-]{36})");
    private static final Pattern NEXT = Pattern.compile("<a href=\"/console([^\"]+)\" rel=\"next\"");

    private static RunningServer server;
    private static ConsoleClient client;
    private static Postroom other;
    private static JdbcClient sql;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database, "--postroom.console.masked-fields=card.number,**.password");
        client = new ConsoleClient(server.port(), "/console");
        sql = JdbcClient.create(database.pool());
        other = Postroom.on(database.pool())
                .schema(SchemaMode.NONE)
                .workers(false)
                .start();
    }

    @AfterAll
    static void stop() {
        other.close();
        server.close();
    }

    private static UUID create(String queue, String json) {
        return other.queueMessages()
                .createMessage(CreateMessage.to(queue).json(json))
                .id();
    }

    private static UUID deadLetter(String queue, String fingerprint, String error) {
        UUID id = create(queue, "{}");
        sql.sql("""
                WITH gone AS (DELETE FROM postroom.ready WHERE message_id = :id RETURNING *)
                INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class,
                                                  error, fingerprint)
                SELECT queue_id, priority, 1, 0, 1, message_id, 'attempts_spent', 'java.io.IOException', :error, :print FROM gone
                """)
                .param("id", id)
                .param("error", error)
                .param("print", fingerprint)
                .update();
        return id;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/queues",
                "/messages",
                "/dead-letters",
                "/operations",
                "/workers",
                "/exchanges",
                "/schedules",
                "/batches",
                "/limits",
                "/settings",
                "/incoming",
                "/tokens",
                "/ledger",
                "/database"
            })
    void every_page_of_the_menu_is_there_with_a_policy_against_scripts(String path) {
        HttpResponse<String> answer = client.get(path);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("text/html;charset=UTF-8");
        assertThat(answer.headers().firstValue("Content-Security-Policy").orElseThrow())
                .contains("default-src 'none'", "frame-ancestors 'none'", "script-src 'self'")
                .doesNotContain("unsafe");
        assertThat(answer.headers().firstValue("Cache-Control")).hasValue("no-store");
        assertThat(answer.body())
                .contains("<main id=\"main\">", "<a href=\"/console" + path + "\" aria-current=\"page\">")
                .doesNotContain(" style=", "onclick", "<script>");
    }

    @Test
    void start_page_leads_to_the_queues_and_the_welcome_page_names_the_console() {
        assertThat(client.get("").uri().getPath()).isEqualTo("/console/queues");
        assertThat(client.get("/").uri().getPath()).isEqualTo("/console/queues");
        assertThat(new ConsoleClient(server.port(), "").page("/")).contains("/console");
    }

    @Test
    void style_and_script_are_served_under_the_consoles_path() {
        assertThat(client.get("/assets/console.css").headers().firstValue("Content-Type"))
                .hasValue("text/css;charset=UTF-8");
        assertThat(client.page("/assets/console.js")).contains("'use strict'");
    }

    @Test
    void counts_of_queues_stop_at_their_bound() {
        other.queues().declare(QueueSettings.of("console.many"));
        sql.sql("""
                INSERT INTO postroom.delayed (message_id, due_at, queue_id, priority, reason)
                SELECT gen_random_uuid(), now() + interval '1 day', q.id, 4, 'delay'
                FROM postroom.queue q, generate_series(1, 10001)
                WHERE q.name = 'console.many'
                """).update();
        try {
            assertThat(client.page("/queues?name=console.many")).containsPattern("<span class=\"n\">[0-9,]+\\+</span>");
            assertThat(client.page("/queues/console.many")).containsPattern(">[0-9,]+\\+</a>");
        } finally {
            sql.sql("DELETE FROM postroom.delayed").update();
        }
    }

    @Test
    void queue_is_paused_and_resumed() {
        create("console.pause", "1");
        assertThat(client.page("/queues/console.pause")).contains("attempts", "retry-after", ">Pause</button>");
        assertThat(client.post("/queues/console.pause/pause").body())
                .contains("The queue is paused", ">Resume</button>");
        assertThat(other.queues().stats("console.pause").orElseThrow().paused()).isTrue();
        assertThat(client.post("/queues/console.pause/resume").body()).contains(">Pause</button>", "Resumed.");
        assertThat(other.queues().stats("console.pause").orElseThrow().paused()).isFalse();
        assertThat(client.page("/ledger"))
                .contains("pause", "resume", "console.pause", "from the console", "/ledger/check");
        assertThat(client.page("/ledger/check")).contains("The chain is whole: ", "Not sealed yet");
    }

    @Test
    void queue_shows_what_came_in_each_minute_and_how_much_of_it_has_ended() {
        other.queues().declare(QueueSettings.of("console.rate"));
        assertThat(client.page("/queues/console.rate")).contains("The last 30 minutes", "No message was created.");
        sql.sql("""
                WITH made AS (
                    INSERT INTO postroom.message (id, seq, created_at, queue_id, priority, direction)
                    SELECT (left(postroom.lowest_id(t.at)::text, 14) || '7000-8000-' || lpad(n::text, 12, '0'))::uuid,
                           nextval('postroom.ready_seq'), t.at, q.id, 4, 0
                    FROM postroom.queue q,
                         (VALUES (date_trunc('minute', now()) - interval '10 minutes', 9),
                                 (date_trunc('minute', now()) - interval '5 minutes', 7),
                                 (date_trunc('minute', now()) - interval '31 minutes', 5)) t (at, messages),
                         generate_series(1, t.messages) n
                    WHERE q.name = 'console.rate'
                    RETURNING id, queue_id, created_at)
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
                SELECT m.id, m.created_at, m.created_at, m.queue_id, 1, CASE WHEN m.id::text LIKE '%9' THEN 3 ELSE 0 END
                FROM made m
                WHERE m.id < postroom.lowest_id(now() - interval '8 minutes')
                """).update();
        String page = client.page("/queues/console.rate");
        assertThat(page)
                .contains("the highest one has 9", "<svg class=\"columns\"")
                // other tests may create more at the same time than is looked at
                .containsPattern("(About )?16 messages were created, of which (about )?8 have ended.")
                .containsPattern("x=\"3[68]0\" y=\"0\" width=\"16\" height=\"80\""); // a minute may have passed
        assertThat(client.get("/queues/console.rate", "Postroom-Part", "counts").body())
                .as("a part that is loaded anew")
                .contains("id=\"counts\"", "</html>")
                .doesNotContain("The last 30 minutes", "Bindings to this queue");
    }

    /** 140 messages in one tenth of a minute, of which the first 50 took 0.75 of its 6 seconds. */
    @Test
    void more_messages_than_are_looked_at_are_estimated_from_those() {
        other.queues().declare(QueueSettings.of("console.many.a"));
        other.queues().declare(QueueSettings.of("console.many.b"));
        sql.sql("""
                WITH made AS (
                INSERT INTO postroom.message (id, seq, created_at, queue_id, priority, direction)
                SELECT (left(postroom.lowest_id(t.at)::text, 14) || '7000-8000-' || lpad(n::text, 12, '0'))::uuid,
                       nextval('postroom.ready_seq'), t.at, q.id, 4, 0
                FROM generate_series(1, 140) n
                JOIN postroom.queue q ON q.name = CASE WHEN n % 3 = 0 THEN 'console.many.a' ELSE 'console.many.b' END
                CROSS JOIN LATERAL (SELECT date_trunc('minute', now()) - interval '20 minutes' + n * interval '15 ms' AS at) t
                RETURNING id, queue_id, created_at)
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
                SELECT m.id, m.created_at, m.created_at, m.queue_id, 1, 0
                FROM made m
                WHERE right(m.id::text, 12)::int % 9 = 0
                """).update();
        assertThat(client.page("/queues/console.many.a"))
                .contains("About 125 messages were created, of which about 38 have ended.");
        assertThat(client.page("/queues/console.many.b"))
                .contains("About 266 messages were created, of which about 0 have ended.");
    }

    @Test
    void purge_wants_the_queues_name() {
        create("console.purge", "1");
        client.page("/queues/console.purge");
        assertThat(client.post("/queues/console.purge/purge", "confirm", "console")
                        .statusCode())
                .isEqualTo(422);
        assertThat(other.queues().stats("console.purge").orElseThrow().ready()).isOne();
        assertThat(client.post("/queues/console.purge/purge", "confirm", "console.purge")
                        .body())
                .contains("purge", "from the console");
        await().until(() -> other.queues().stats("console.purge").orElseThrow().ready() == 0);
    }

    @Test
    void content_with_script_and_odd_characters_is_text() {
        String script = "</pre><script>alert('1')</script>";
        UUID id = other.queueMessages()
                .createMessage(CreateMessage.to("console.xss")
                        .json("{\"a\": \"" + script + "\", \"b\": \"x\u202Ey\", \"n\": 12345678901234567890.10}")
                        .header("note", "\"><img src=x onerror=alert(2)>")
                        .correlationId("<b>'\"&</b>"))
                .id();
        String page = client.page("/messages/" + id);
        assertThat(page)
                .doesNotContain("<script>alert", "<img", "<b>", "\u202E")
                .contains("&lt;script&gt;alert(&#39;1&#39;)", "x\\u202ey", "12345678901234567890.10");
        assertThat(client.page("/messages?queue=console.xss"))
                .doesNotContain("<b>")
                .contains("&lt;b&gt;");
    }

    @Test
    void broken_bytes_and_a_megabyte_are_shown_in_part() {
        UUID bytes = other.queueMessages()
                .createMessage(
                        CreateMessage.to("console.bytes").body(new byte[] {'o', 'k', (byte) 0xC3, 0}, "text/plain"))
                .id();
        assertThat(client.page("/messages/" + bytes)).contains("Content that is not JSON is not shown");
        UUID large = create("console.large", "{\"text\": \"" + "x".repeat(1_000_000) + "\"}");
        String page = client.page("/messages/" + large);
        assertThat(page).contains("The first 64,000 of 1,000,0");
        assertThat(page.length()).isLessThan(90_000);
    }

    @Test
    void masked_fields_are_hidden_wherever_they_are() {
        UUID id = create(
                "console.masked",
                "{\"card\": {\"number\": \"4111\", \"name\": \"Ann\"}, \"users\": [{\"password\": {\"old\": \"geheim\"}}], \"number\": 7}");
        assertThat(client.page("/messages/" + id))
                .doesNotContain("4111", "geheim")
                .contains("&quot;name&quot;: &quot;Ann&quot;", "&quot;number&quot;: 7", "•••");
    }

    @Test
    void messages_are_found_by_id_queue_state_and_correlation() {
        UUID id = other.queueMessages()
                .createMessage(CreateMessage.to("console.find")
                        .json("order", 2, "1")
                        .correlationId("c 1/ä")
                        .header("source", "a=b 'c'"))
                .id();
        assertThat(client.get("/messages?id=" + id).uri().getPath()).isEqualTo("/console/messages/" + id);
        assertThat(client.page("/messages?correlation=c+1%2F%C3%A4")).contains(id.toString());
        assertThat(client.page("/messages?queue=console.find&state=READY")).contains(id.toString(), "order/2");
        assertThat(client.page("/messages?type=order")).contains(id.toString());
        String byHeader = "/messages?header=source%3Da%3Db+%27c%27";
        assertThat(client.page(byHeader)).contains(id.toString(), "value=\"source=a=b ");
        assertThat(client.page(byHeader + "&queue=console.find&correlation=c+1%2F%C3%A4"))
                .contains(id.toString());
        assertThat(client.page("/messages?header=source%3Da")).doesNotContain(id.toString());
        assertThat(client.page(byHeader + "&queue=console.find&state=DEAD")).doesNotContain(id.toString());
        assertThat(client.page("/messages?queue=console.find&state=DEAD")).doesNotContain(id.toString());
        client.page("/messages/" + id);
        assertThat(client.post("/messages/" + id + "/cancel").body()).contains("Cancelled.", "CANCELLED");
        assertThat(client.page("/messages?queue=console.find&state=CANCELLED")).contains(id.toString());
        assertThat(client.post("/messages/" + id + "/cancel").body()).contains("Nothing was changed");
    }

    /** The pages of each state go on where the page before ended: every message comes once. */
    @ParameterizedTest
    @ValueSource(strings = {"", "READY", "DELAYED", "DEAD"})
    void pages_show_every_message_once(String state) {
        String queue = "console.pages" + state;
        Set<String> created = new HashSet<>();
        for (int i = 0; i < 120; i++) {
            CreateMessage message = CreateMessage.to(queue).json("1").priority(i % 3 + 3);
            created.add(
                    state.equals("DEAD")
                            ? deadLetter(queue, "pages", "e").toString()
                            : other.queueMessages()
                                    .createMessage(
                                            state.equals("DELAYED") ? message.delay(Duration.ofDays(1)) : message)
                                    .id()
                                    .toString());
        }
        Set<String> shown = new HashSet<>();
        String path = "/messages?queue=" + queue + "&state=" + state;
        int pages = 0;
        while (path != null) {
            String page = client.page(path);
            Matcher row = ROW.matcher(page);
            while (row.find()) {
                assertThat(shown.add(row.group(1))).as("shown twice").isTrue();
            }
            Matcher next = NEXT.matcher(page);
            path = next.find() ? next.group(1).replace("&amp;", "&") : null;
            pages++;
        }
        assertThat(shown).isEqualTo(created);
        assertThat(pages).isBetween(3, 4);
    }

    @Test
    void page_token_of_another_list_is_refused() {
        for (int i = 0; i < 51; i++) {
            create("console.token", "1");
        }
        Matcher next = NEXT.matcher(client.page("/messages?queue=console.token"));
        assertThat(next.find()).isTrue();
        String token = next.group(1).substring(next.group(1).indexOf("page="));
        assertThat(client.get("/messages?queue=console.other&" + token).statusCode())
                .isEqualTo(422);
        assertThat(client.get("/messages?queue=console.token&state=READY&" + token)
                        .body())
                .contains("page must be one that a link of the same list has");
        assertThat(client.get("/messages?queue=console.token&page=x").statusCode())
                .isEqualTo(422);
    }

    @Test
    void dead_letters_are_grouped_by_their_errors_and_redriven_on_record() {
        for (int i = 0; i < 3; i++) {
            deadLetter("console.dead", "aaaa", "timeout <1>\n at line 2");
        }
        UUID spared = deadLetter("console.dead", "bbbb", "wrong address");
        assertThat(client.page("/dead-letters"))
                .contains("aaaa", "bbbb", "timeout &lt;1&gt;", "wrong address")
                .doesNotContain("at line 2");
        assertThat(client.page("/dead-letters?queue=console.dead"))
                .contains("4 dead letters match.", "fingerprint=aaaa", "fingerprint=bbbb");
        assertThat(client.page("/dead-letters?queue=console.*&reason=attempts_spent"))
                .contains("dead letters match.", spared.toString());
        assertThat(client.page("/dead-letters?queue=console.dead&fingerprint=aaaa"))
                .contains("3 dead letters match.")
                .doesNotContain(spared.toString());
        assertThat(client.page("/dead-letters?queue=console.dead&reason=attempts_spent"))
                .contains("4 dead letters match.", spared.toString(), "fingerprint=bbbb", "reason=attempts_spent");
        assertThat(client.page("/dead-letters?queue=console.dead&reason=rejected"))
                .contains("0 dead letters match.", "No dead letter matches.")
                .doesNotContain(spared.toString());
        assertThat(client.page("/dead-letters?fingerprint=bbbb&reason=attempts_spent"))
                .contains("1 dead letter matches.", spared.toString());
        assertThat(client.page("/dead-letters?reason=attempts_spent")).contains(spared.toString());
        HttpResponse<String> begun = client.post(
                "/dead-letters/redrive",
                "queue",
                "console.dead",
                "fingerprint",
                "aaaa",
                "reason",
                "the provider is back",
                "perSecond",
                "1000",
                "canary",
                "0",
                "canaryThreshold",
                "0");
        assertThat(begun.uri().getPath()).startsWith("/console/operations/");
        String operation = begun.uri().getPath().substring("/console".length());
        await().until(() -> client.page(operation).contains("s-finished"));
        assertThat(client.page(operation)).contains("3 of 3", "the provider is back");
        assertThat(other.queues().stats("console.dead").orElseThrow().ready()).isEqualTo(3);
        assertThat(client.page("/operations")).contains("the provider is back");
        assertThat(client.page("/ledger")).contains("the provider is back", ">console<");
        client.page("/messages/" + spared);
        assertThat(client.post("/messages/" + spared + "/discard", "reason", "").statusCode())
                .isEqualTo(422);
        assertThat(client.post("/messages/" + spared + "/discard", "reason", "no use")
                        .body())
                .contains("Discarded.", "CANCELLED");
    }

    @Test
    void letters_behind_those_that_are_looked_at_can_still_be_redriven() {
        UUID old = deadLetter("console.behind", "cccc", "wrong address");
        sql.sql("""
                INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, fingerprint)
                SELECT q.id, 4, 1, 0, 1, gen_random_uuid(), 'expired', 'dddd'
                FROM postroom.queue q
                CROSS JOIN generate_series(1, 10000)
                WHERE q.name = 'console.behind'
                """).update();
        sql.sql("UPDATE postroom.dead_letter SET dead_at = dead_at - interval '1 hour' WHERE fingerprint = 'cccc'")
                .update();
        assertThat(client.page("/dead-letters?queue=console.behind&reason=attempts_spent"))
                .contains("0 or more dead letters match. Not all were looked at", "Redrive all that match", "go on")
                .doesNotContain(old.toString());
        sql.sql("DELETE FROM postroom.dead_letter WHERE fingerprint = 'dddd'").update();
        assertThat(client.page("/dead-letters?queue=console.behind&fingerprint=cccc"))
                .contains("1 dead letter matches.", old.toString());
    }

    @Test
    void bulk_without_a_condition_is_refused() {
        client.page("/dead-letters");
        client.page("/queues/" + queueOf(create("console.bulk", "1")));
        HttpResponse<String> refused = client.post("/dead-letters/discard", "reason", "all of it", "perSecond", "10");
        assertThat(refused.statusCode()).isEqualTo(422);
        assertThat(refused.body()).contains("a queue, a fingerprint or a reason");
    }

    private static String queueOf(UUID id) {
        return other.queueMessages().find(id).orElseThrow().entries().get(0).queue();
    }

    @Test
    void exchange_says_where_a_key_would_go() {
        other.queues().declare(QueueSettings.of("console.mail"));
        other.exchanges().declare(Exchange.topic("console.orders"));
        other.exchanges().bind(Binding.from("console.orders").key("order.#").to("console.mail"));
        assertThat(client.page("/exchanges?exchange=console.orders&key=order.paid"))
                .contains(
                        "/queues/console.mail",
                        "order.#",
                        "class=\"topology\"",
                        "<rect class=\"hit\"",
                        "</rect><text ");
        assertThat(client.page("/exchanges?exchange=console.orders&key=other"))
                .contains("It would reach no queue.", "class=\"topology\"")
                .doesNotContain("class=\"hit\"");
        assertThat(client.get("/exchanges?exchange=console.none&key=x").statusCode())
                .isEqualTo(404);
        assertThat(client.page("/queues/console.mail")).contains("console.orders");
    }

    @Test
    void schedule_is_shown_paused_and_run() {
        other.schedules()
                .declare(Schedule.cron("console.nightly", "0 0 3 * * *")
                        .message(CreateMessage.to("console.nights").json("1")));
        assertThat(client.page("/schedules")).contains("console.nightly", "0 0 3 * * *");
        assertThat(client.page("/schedules/console.nightly")).contains("T03:00:00");
        assertThat(client.post("/schedules/console.nightly/pause").body()).contains("PAUSED", ">Resume</button>");
        client.post("/schedules/console.nightly/run");
        await().until(() -> client.page("/schedules/console.nightly").contains("FIRED"));
        assertThat(client.get("/schedules/none").statusCode()).isEqualTo(404);
    }

    @Test
    void limits_settings_and_batches_are_shown_without_secrets() {
        other.queues().declare(QueueSettings.of("console.limited"));
        other.limiters().set(Limiter.ofQueue("console.limited").maxStarts(7, Duration.ofMinutes(1)));
        assertThat(client.page("/limits")).contains("queue console.limited", "0 of 7 in 00:01:00");
        other.settings()
                .set(SettingsEntry.of("console.api", "http")
                        .endpoint("https://api.example")
                        .secret("env:API_KEY"));
        assertThat(client.page("/settings")).contains("console.api", "https://api.example");
        assertThat(client.page("/settings/console.api")).contains("env:API_KEY", "made", "Does this entry work?");
        other.settings().set(SettingsEntry.of("console.shut", "http").endpoint("http://127.0.0.1:1"));
        assertThat(client.post("/settings/console.shut/test").body())
                .contains("It does not work: ", "Back to the entry");
        assertThat(other.settings().history("console.shut", 5)).hasSize(1);
        other.batches().create(CreateBatch.named("console batch"));
        assertThat(client.page("/batches")).contains("console batch", "OPEN");
    }

    @Test
    void messages_are_listed_from_a_time_on_backwards() {
        other.queueMessages().createMessage(CreateMessage.to("console.timed").json("{}"));
        assertThat(client.page("/messages?queue=console.timed")).contains("/queues/console.timed\">");
        assertThat(client.page("/messages?queue=console.timed&before=2100-01-01T00:00:00Z"))
                .contains("/queues/console.timed\">");
        assertThat(client.page("/messages?queue=console.timed&before=2020-01-01T00:00:00%2B03:00"))
                .contains("No message is like this.");
    }

    @ParameterizedTest
    @CsvSource({
        "/messages?before=yesterday,422",
        "/messages?before=2027-01-31T12:00:00,422",
        "/messages?queue=a&state=READY&before=2027-01-31T12:00:00Z,422",
        "/exchanges?page=AAAA,422",
        "/exchanges?exchange=a&from=AAAA,422",
        "/limits?page=AAAA,422",
        "/queues/none,404",
        "/queues/a%20b,422",
        "/messages/0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f,404",
        "/messages/x,422",
        "/messages?id=x,422",
        "/messages?state=LOST,422",
        "/messages?header=source,422",
        "/messages?header=a%20b%3Dc,422",
        "/messages?queue=a&state=READY&header=a%3Db,422",
        "/messages?state=READY,422",
        "/messages?queue=a'b,422",
        "/operations/0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f,404",
        "/operations/x,422",
        "/settings/none,422",
        "/batches?page=AAAA,422",
        "/queues?name=%00,422",
        "/messages?queue=%00,422",
        "/messages?type=%00,422",
        "/messages?correlation=%00,422",
        "/dead-letters?queue=%00,422",
        "/dead-letters?fingerprint=%00,422",
        "/dead-letters?queue=none,422",
        "/dead-letters?reason=none,422"
    })
    void what_is_not_there_or_cannot_be_read_is_said_on_a_page(String path, int status) {
        HttpResponse<String> answer = client.get(path.replace("'", "%27"));
        assertThat(answer.statusCode()).as(answer.body()).isIn(status, 404);
        assertThat(answer.body()).contains("<main").doesNotContain("Exception", "SELECT");
    }

    @ParameterizedTest
    @CsvSource({"/batches", "/schedules", "/dead-letters", "/ledger", "/messages", "/exchanges", "/limits"})
    void forged_page_token_is_refused(String list) {
        for (String key : new String[] {"x", "\0", "x\0.y", "9.x"}) {
            String[] filter =
                    list.equals("/messages") ? new String[] {list, "", "ANY", "", "", ""} : new String[] {list};
            HttpResponse<String> answer = client.get(list + "?page=" + PageToken.write(key, filter));
            assertThat(answer.statusCode()).as(key + answer.body()).isIn(200, 422);
            assertThat(answer.body()).contains("<main");
        }
        HttpResponse<String> batches = client.get("/batches?page=" + PageToken.write("x", "/batches"));
        assertThat(batches.statusCode()).isEqualTo(422);
        assertThat(batches.body()).contains("a link of the same list");
    }

    @Test
    void names_with_every_allowed_character_have_pages() {
        String name = "Az09._:-" + "q".repeat(119);
        create(name, "1");
        assertThat(client.page("/queues?name=Az09._:-")).contains("/console/queues/" + name);
        assertThat(client.page("/queues/" + name)).contains(name);
        assertThat(client.page("/messages?queue=" + name + "&state=READY")).contains(name);
    }
}
