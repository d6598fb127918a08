package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.console.ConsoleClient;
import io.postroom.homes.PostroomHomes;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The console of a host with two homes, of which one is reached by a line that can be cut. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ConsoleOfHomesTest {
    private final TestDatabase shop;
    private final TestDatabase mail = TestDatabase.create();
    private final TcpProxy line = TcpProxy.to(mail.host(), mail.port());
    private Host.Running host;
    private ConsoleClient client;

    ConsoleOfHomesTest(TestDatabase database) {
        shop = database;
    }

    @BeforeAll
    void start() {
        try (TestDatabase farMail = mail.through(line)) {
            host = Host.bare()
                    .web()
                    .with("postroom.console.enabled", true)
                    .with("postroom.console.open", true)
                    .with("postroom.workers.enabled", false)
                    .with("postroom.homes.shop.url", shop.url())
                    .with("postroom.homes.shop.username", shop.user())
                    .with("postroom.homes.shop.password", shop.password())
                    .with("postroom.homes.mail.url", farMail.url())
                    .with("postroom.homes.mail.username", mail.user())
                    .with("postroom.homes.mail.password", mail.password())
                    .with("postroom.home-rules", "# = shop; mails = mail; parted = shop, mail")
                    .start();
        }
    }

    @BeforeEach
    void newVisitor() {
        client = new ConsoleClient(
                ((WebServerApplicationContext) host.context()).getWebServer().getPort(), "/console");
    }

    @AfterEach
    void lineIsThere() {
        line.resume();
    }

    @AfterAll
    void stop() throws Exception {
        host.close();
        line.close();
        mail.close();
    }

    @Test
    void it_begins_with_the_list_of_homes_and_each_has_pages_of_its_own() {
        host.queueMessages().createMessage("mails", "x");
        host.queueMessages().createMessage("orders", "x");

        assertThat(client.page("/"))
                .contains("<h1>Homes</h1>")
                .contains("href=\"/console/homes/mail/queues\"", "href=\"/console/homes/shop/queues\"")
                .contains("# = shop")
                .doesNotContain("href=\"/console/queues\"");
        assertThat(client.page("/homes/mail/"))
                .contains(
                        "<title>Queues · mail · Postroom</title>",
                        "Postroom · mail",
                        "href=\"/console/homes/mail/queues/mails\"")
                .contains("href=\"/console/homes\"", "href=\"/console/homes/mail/dead-letters\"")
                .contains("href=\"/console/assets/console.css\"")
                .doesNotContain("orders");
        assertThat(client.page("/homes/shop/queues"))
                .contains("href=\"/console/homes/shop/queues/orders\"")
                .doesNotContain("mails");
        assertThat(client.page("/assets/console.css")).contains("color-scheme");
    }

    @Test
    void button_acts_on_the_home_of_its_page_alone() {
        for (TestDatabase home : new TestDatabase[] {shop, mail}) {
            JdbcClient.create(home.pool())
                    .sql("SELECT postroom.declare_queue('both')")
                    .query((row, number) -> true)
                    .list();
        }
        assertThat(client.page("/homes/mail/queues/both")).contains("action=\"/console/homes/mail/queues/both/pause\"");

        HttpResponse<String> paused = client.post("/homes/mail/queues/both/pause");

        assertThat(paused.uri().getPath()).isEqualTo("/console/homes/mail/queues/both");
        assertThat(paused.body()).contains("The queue is paused");
        assertThat(isPaused(mail)).isTrue();
        assertThat(isPaused(shop)).isFalse();
    }

    private static boolean isPaused(TestDatabase home) {
        return JdbcClient.create(home.pool())
                .sql("SELECT paused_at IS NOT NULL FROM postroom.queue WHERE name = 'both'")
                .query(Boolean.class)
                .single();
    }

    @Test
    void message_is_found_on_whichever_home_has_it_and_a_queue_by_the_rules() {
        UUID id = host.queueMessages().createMessage("mails", "x").id();
        UUID unknown = UUID.randomUUID();

        HttpResponse<String> found = client.get("/homes?id=" + id);
        assertThat(found.uri().getPath()).isEqualTo("/console/homes/mail/messages/" + id);
        assertThat(found.body()).contains("Message " + id);
        HttpResponse<String> missing = client.get("/homes?id=" + unknown);
        assertThat(missing.statusCode()).isEqualTo(404);
        assertThat(missing.body()).contains("No home has a message " + unknown);
        assertThat(client.get("/homes?id=7").statusCode()).isEqualTo(422);

        assertThat(client.page("/homes?queue=parted"))
                .contains("href=\"/console/homes/shop/queues/parted:1of2\"")
                .contains("href=\"/console/homes/mail/queues/parted:2of2\"");
        assertThat(client.get("/homes?queue=a%20b").statusCode()).isEqualTo(422);
    }

    @Test
    void page_without_a_home_and_one_of_an_unknown_home_are_refused() {
        for (String page :
                new String[] {"/queues", "/messages", "/ledger", "/homes/nowhere/queues", "/homes/%2E/queues"}) {
            HttpResponse<String> refused = client.get(page);
            assertThat(refused.statusCode()).as(page).isEqualTo(404);
        }
        assertThat(client.get("/queues").body()).contains("begin with the list of them");
        assertThat(client.get("/homes/nowhere/queues").body())
                .contains("no home of this name")
                .doesNotContain("homes/nowhere/messages");
        assertThat(client.get("/homes/nowhere/messages/7").body()).contains("no home of this name");
        host.queueMessages().createMessage("mails", "x");
        client.page("/homes/mail/queues/mails"); // its forms have the token
        assertThat(client.post("/queues/mails/pause").statusCode()).isEqualTo(404);
    }

    @Test
    void home_that_goes_away_is_said_and_the_others_go_on() {
        UUID id = host.queueMessages().createMessage("orders", "x").id();
        client.page("/homes/mail/queues");
        line.swallow(); // hangs: nobody else may wait for it

        assertThat(client.get("/homes/mail/queues").statusCode()).isEqualTo(503);
        assertThat(client.page("/homes/shop/queues")).contains("orders");
        assertThat(client.get("/homes?id=" + id).uri().getPath()).isEqualTo("/console/homes/shop/messages/" + id);
        HttpResponse<String> missing = client.get("/homes?id=" + UUID.randomUUID());
        assertThat(missing.statusCode()).isEqualTo(503);
        assertThat(missing.body()).contains("No answer came from mail");

        line.resume();
        line.cutAll();
        await().until(() -> client.get("/homes/mail/queues").statusCode() == 200);
        assertThat(host.bean(PostroomHomes.class).names()).containsExactly("mail", "shop");
    }
}
