package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.LoggingEvent;
import io.postroom.rest.HttpConversation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the web server itself answers, and what is logged: as guarded as the rest. */
@PostgresTest
class ContainerAnswersTest {
    private static RunningServer server;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @ParameterizedTest
    @CsvSource({
        "GET /% HTTP/1.1,Host: localhost,400",
        "GET /a%2Fb HTTP/1.1,Host: localhost,400",
        "GET /[ HTTP/1.1,Host: localhost,400",
        "GET / HTTP/1.1,Host: a b,400",
        "GET / HTTP/1.1,No-Host: x,400",
        "GET / HTTP/9.9,Host: localhost,505",
        "TRACE / HTTP/1.1,Host: localhost,405",
        "GET /nothing HTTP/1.1,Host: localhost,404",
        "GET /error HTTP/1.1,Host: localhost,404",
        "GET /api/v1/messages HTTP/1.1,Host: evil.example,403"
    })
    void each_refusal_has_the_same_headers_and_names_no_product(String line, String header, int status)
            throws IOException {
        try (HttpConversation conversation = new HttpConversation(server.port())) {
            HttpConversation.Answer answer = conversation.head(line, header).answer();
            assertThat(answer.status()).as(answer.toString()).isEqualTo(status);
            assertThat(answer.headers())
                    .as(answer.toString())
                    .containsEntry("x-content-type-options", "nosniff")
                    .containsEntry("x-frame-options", "DENY");
            assertThat(answer.toString()).doesNotContainIgnoringCase("tomcat").doesNotContain("<html");
            assertThat(answer.headers().getOrDefault("content-type", "")).isIn("", "application/problem+json");
        }
    }

    @Test
    void text_of_strangers_neither_moves_the_cursor_nor_turns_a_line_of_the_log_around() throws IOException {
        Properties settings = new Properties();
        try (InputStream in = PostroomServer.class.getResourceAsStream("/postroom-server.properties")) {
            settings.load(in);
        }
        LoggerContext context = new LoggerContext();
        PatternLayout layout = new PatternLayout();
        layout.setContext(context);
        layout.setPattern(settings.getProperty("logging.pattern.console")
                .replace("%wEx", "")
                .replace("%d{HH:mm:ss} ", ""));
        layout.start();
        String text = "a\u001B[2Jb\u009Bc\u202Ed\u2066e\u200Ff\rg\th\u007Fi\u00E9\u0414";
        LoggingEvent event = new LoggingEvent("", context.getLogger("x"), Level.INFO, "{}", null, new Object[] {text});
        assertThat(layout.doLayout(event))
                .isEqualTo("INFO  a\uFFFD[2Jb\uFFFDc\uFFFDd\uFFFDe\uFFFDf\uFFFDg\th\uFFFDi\u00E9\u0414"
                        + System.lineSeparator());
    }
}
