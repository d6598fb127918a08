package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.postroom.console.ConsoleAccess;
import io.postroom.console.ConsoleClient;
import io.postroom.console.ConsoleUser;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.ViewResolver;

/** The console inside of an application that has pages of its own. */
@PostgresTest
class ConsoleInHostTest {
    private final TestDatabase database;

    ConsoleInHostTest(TestDatabase database) {
        this.database = database;
    }

    private Host host() {
        return Host.on(database).web().with("postroom.console.enabled", true).with("postroom.workers.enabled", false);
    }

    private static ConsoleClient client(Host.Running host, String path) {
        return new ConsoleClient(
                ((WebServerApplicationContext) host.context()).getWebServer().getPort(), path);
    }

    @Test
    void host_that_does_not_say_who_may_use_it_does_not_start_and_learns_what_to_do() {
        Throwable refused = catchThrowable(() -> host().start().close());
        assertThat(refused)
                .rootCause()
                .hasMessageContaining("nobody says who may use it")
                .hasMessageContaining("io.postroom.console.ConsoleAccess")
                .hasMessageContaining("postroom.console.open=true");
    }

    @Test
    void host_without_the_property_has_no_page_of_it() {
        try (Host.Running host =
                Host.on(database).web().with("postroom.console.open", true).start()) {
            assertThat(client(host, "").get("/console/queues").statusCode()).isEqualTo(404);
        }
    }

    @Test
    void open_console_is_below_the_paths_of_the_host_and_leaves_its_views_alone() {
        try (Host.Running plain = Host.on(database).web().start();
                Host.Running host = host().with("postroom.console.open", true)
                        .with("postroom.console.path", "/ops/queues-console")
                        .with("server.servlet.context-path", "/app")
                        .with("spring.mvc.servlet.path", "/web")
                        .with(Pages.class)
                        .start()) {
            ConsoleClient client = client(host, "/app/web/ops/queues-console");
            assertThat(client.page("/queues")).contains("href=\"/app/web/ops/queues-console/messages\"");
            assertThat(client.page("/assets/console.css")).contains("color-scheme");
            host.queueMessages().createMessage("host.queue", "x");
            client.page("/queues/host.queue");
            assertThat(client.post("/queues/host.queue/pause").uri().getPath())
                    .isEqualTo("/app/web/ops/queues-console/queues/host.queue");
            assertThat(client(host, "/app/web").page("/own")).isEqualTo("own");
            assertThat(host.context().getBeansOfType(ViewResolver.class).keySet())
                    .isEqualTo(
                            plain.context().getBeansOfType(ViewResolver.class).keySet());
        }
    }

    @Test
    void reader_sees_no_buttons_and_changes_nothing_and_strangers_see_nothing() {
        try (Host.Running host = host().with(Readers.class).start()) {
            host.queueMessages().createMessage("host.read", "x");
            ConsoleClient client = client(host, "/console");
            String page = client.get("/queues/host.read", "X-User", "ann").body();
            assertThat(page).contains("ann (reads)").doesNotContain("Pause</button>");
            HttpResponse<String> refused = client.postWith(new String[] {"X-User", "ann"}, "/queues/host.read/pause");
            assertThat(refused.statusCode()).isEqualTo(403);
            assertThat(refused.body()).contains("change nothing");
            HttpResponse<String> stranger = client.get("/queues");
            assertThat(stranger.statusCode()).isEqualTo(403);
            assertThat(stranger.body())
                    .contains("Log in to the application first")
                    .doesNotContain("host.read");
            assertThat(client.get("/login").statusCode()).isEqualTo(404);
        }
    }

    @RestController
    static class Pages {
        @GetMapping("/own")
        String own() {
            return "own";
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Readers {
        @Bean
        ConsoleAccess consoleAccess() {
            return request -> Optional.ofNullable(request.getHeader("X-User")).map(ConsoleUser::reader);
        }
    }
}
