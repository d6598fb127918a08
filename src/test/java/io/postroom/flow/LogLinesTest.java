package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.encoder.Encoder;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.metrics.MessageLogFields;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.json.JsonMapper;

/** Texts that came with a message, as a real logger writes them. Each event is one line, and its text is what it was. */
@PostgresTest
class LogLinesTest {
    private static final String PATTERNS = "${jndi:ldap://127.0.0.1:1/x} %n %d{yyyy} %msg {} {0} ${env:PATH} #{1+1}";
    private static final String LINE_ENDS = "a\nb\r\nWARN forged\u0085c\u2028WARN forged\u2029d\u001b[2Je\u202ef";

    private final TestDatabase database;
    private final JdbcClient sql;
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();

    LogLinesTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    @Test
    void text_of_a_message_neither_ends_a_line_nor_is_read_as_a_pattern() {
        PatternLayoutEncoder plain = new PatternLayoutEncoder();
        plain.setPattern("%level %X{postroom.correlation} - %msg%n");

        List<String> lines = written(plain);

        assertThat(lines)
                .allMatch(line -> line.matches("(INFO|WARN) .* - .*"))
                .filteredOn(line -> line.contains("dead letter"))
                .hasSize(4)
                .anyMatch(line -> line.contains("rejected: " + PATTERNS + " ["))
                .anyMatch(line -> line.contains("rejected: a ["))
                .anyMatch(line -> line.contains("a\uFFFDforged"));
        assertThat(lines)
                .anyMatch(line -> line.equals("INFO " + PATTERNS + " - handled"))
                .anyMatch(line -> line.equals("INFO a\uFFFDWARN forged\uFFFDb\uFFFD[2J - handled"));
    }

    @Test
    void structured_event_is_one_line_of_json() {
        List<String> lines = written(new JsonEncoder());

        JsonMapper json = JsonMapper.shared();
        assertThat(lines)
                .allSatisfy(line -> assertThat(json.readTree(line).isObject()).isTrue())
                .anyMatch(line -> json.readTree(line)
                        .path("mdc")
                        .path("postroom.correlation")
                        .asString("")
                        .equals(PATTERNS));
    }

    /** Rejects messages with such texts, and returns the lines as a reader splits them who knows all line ends of Unicode. */
    private List<String> written(Encoder<ILoggingEvent> encoder) {
        Logger logger = (Logger) LoggerFactory.getLogger("io.postroom");
        Logger host = (Logger) LoggerFactory.getLogger("io.postroom.flow.host");
        OutputStreamAppender<ILoggingEvent> appender = new OutputStreamAppender<>();
        appender.setContext(logger.getLoggerContext());
        encoder.setContext(logger.getLoggerContext());
        encoder.start();
        appender.setEncoder(encoder);
        appender.setOutputStream(written);
        appender.start();
        try (Postroom postroom = Postroom.on(database.pool())
                .workers(false)
                .interceptor(new MessageLogFields())
                .handler(Handler.send("logged", String.class, (text, context) -> {
                    host.info("handled");
                    return Outcome.reject(JsonMapper.shared().readValue(text, String.class));
                }))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            kit.reset();
            logger.addAppender(appender);
            String separators =
                    "a\u2028WARN forged\u0085b\u009b[2J"; // no control characters of ASCII, which are refused
            create(postroom, PATTERNS, PATTERNS);
            create(postroom, LINE_ENDS, separators);
            create(postroom, "x\u2028y\u202ez", "plain");
            UUID odd = create(postroom, "odd type", "plain");
            sql.sql("UPDATE postroom.message SET type = E'a\\u2028forged\\nx' WHERE id = ?")
                    .param(odd)
                    .update();
            kit.drain("logged");
            return written.toString(StandardCharsets.UTF_8)
                    .lines()
                    .flatMap(line -> List.of(line.split("[\u0085\u2028\u2029]")).stream())
                    .toList();
        } finally {
            logger.detachAppender(appender);
            appender.stop();
        }
    }

    private static UUID create(Postroom postroom, String text, String correlation) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to("logged").payload(text).correlationId(correlation))
                .id();
    }
}
