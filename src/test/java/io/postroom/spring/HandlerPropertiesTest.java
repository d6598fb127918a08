package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.SendMessage;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import org.springframework.mock.env.MockEnvironment;

/** A handler's settings: property over annotation over default. */
@ExtendWith(OutputCaptureExtension.class)
class HandlerPropertiesTest {
    static class OrderMail {
        @SendMessage(value = "mails", concurrency = 7, attempts = 5, retryAfter = "20s", timeLimit = "1m", batch = 10)
        void send(List<String> texts) {}

        @SendMessage("plain")
        void plain(String text) {}

        @SendMessage(value = "named", id = "named_one")
        void named(String text) {}
    }

    @Test
    void without_properties_the_annotation_holds() {
        Handler handler = find().get("orderMail.send");

        assertThat(handler.concurrency()).isEqualTo(7);
        assertThat(handler.retry().attempts()).isEqualTo(5);
        assertThat(handler.retry().describe()).isEqualTo("20s");
        assertThat(handler.timeLimit()).isEqualTo(Duration.ofMinutes(1));
        assertThat(handler.batch()).isEqualTo(10);
        assertThat(handler.mode()).isEqualTo(HandlerMode.LEASED);
    }

    @Test
    void without_either_the_builders_defaults_hold() {
        Handler bySpring = find().get("orderMail.plain");
        Handler byBuilder = Handler.send("plain", String.class, (text, context) -> Outcome.done());

        assertThat(bySpring)
                .usingRecursiveComparison()
                .comparingOnlyFields(
                        "settings.concurrency",
                        "settings.retry",
                        "settings.timeLimit",
                        "settings.mode",
                        "settings.batch")
                .isEqualTo(byBuilder);
    }

    @Test
    void properties_win_over_the_annotation() {
        Handler handler = find(
                        "postroom.handlers.orderMail.send.concurrency=2",
                        "postroom.handlers.orderMail.send.attempts=3",
                        "postroom.handlers.orderMail.send.retry-after=1s, 2s",
                        "postroom.handlers.orderMail.send.time-limit=9s",
                        "postroom.handlers.orderMail.send.batch=4",
                        "postroom.handlers.orderMail.send.mode=atomic")
                .get("orderMail.send");

        assertThat(handler.concurrency()).isEqualTo(2);
        assertThat(handler.retry().attempts()).isEqualTo(3);
        assertThat(handler.retry().describe()).isEqualTo("1s, 2s");
        assertThat(handler.timeLimit()).isEqualTo(Duration.ofSeconds(9));
        assertThat(handler.batch()).isEqualTo(4);
        assertThat(handler.mode()).isEqualTo(HandlerMode.ATOMIC);
    }

    @Test
    void ids_are_understood_in_kebab_case_in_brackets_and_with_underscores() {
        assertThat(find("postroom.handlers.order-mail.send.concurrency=2")
                        .get("orderMail.send")
                        .concurrency())
                .isEqualTo(2);
        assertThat(find("postroom.handlers[orderMail.send].concurrency=3")
                        .get("orderMail.send")
                        .concurrency())
                .isEqualTo(3);
        assertThat(find("postroom.handlers.named_one.concurrency=4")
                        .get("named_one")
                        .concurrency())
                .isEqualTo(4);
    }

    @Test
    void environment_variables_are_understood() {
        StandardEnvironment environment = new StandardEnvironment();
        environment
                .getPropertySources()
                .replace(
                        StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
                        new SystemEnvironmentPropertySource(
                                StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
                                Map.of("POSTROOM_HANDLERS_ORDERMAIL_SEND_TIMELIMIT", "3s")));

        assertThat(find(environment).get("orderMail.send").timeLimit()).isEqualTo(Duration.ofSeconds(3));
    }

    @Test
    void a_list_handler_may_be_set_to_one_at_a_time_and_another_not_to_many() {
        assertThat(find("postroom.handlers.orderMail.send.batch=1")
                        .get("orderMail.send")
                        .batch())
                .isEqualTo(1);
        assertThatThrownBy(() -> find("postroom.handlers.orderMail.plain.batch=2"))
                .hasMessageContaining("OrderMail.plain")
                .hasMessageContaining("batch = 2");
    }

    @Test
    void a_value_that_cannot_be_read_stops_the_start_and_names_the_property() {
        assertThatThrownBy(() -> find("postroom.handlers.orderMail.send.concurrency=many"))
                .hasStackTraceContaining("postroom.handlers.ordermail.send.concurrency");
    }

    @Test
    void a_disabled_handler_is_left_out() {
        assertThat(find("postroom.handlers.orderMail.send.enabled=false"))
                .containsOnlyKeys("orderMail.plain", "named_one", "shop");
    }

    @Test
    void handler_beans_take_properties_too() {
        Handler handler = find(
                        "postroom.handlers.shop.concurrency=2",
                        "postroom.handlers.shop.attempts=6",
                        "postroom.handlers.shop.time-limit=2s")
                .get("shop");

        assertThat(handler.concurrency()).isEqualTo(2);
        assertThat(handler.retry().attempts()).isEqualTo(6);
        assertThat(handler.retry().describe()).isEqualTo("1h");
        assertThat(handler.timeLimit()).isEqualTo(Duration.ofSeconds(2));
        assertThat(find("postroom.handlers.shop.retry-after=5s").get("shop").retry())
                .isEqualTo(RetryPolicy.fixed(2, Duration.ofSeconds(5)));
    }

    @Test
    void properties_of_nobody_are_named_in_the_log(CapturedOutput output) {
        find(
                "postroom.handlers.orderMail.sent.concurrency=2",
                "postroom.handlers.orderMail.send.concurency=2",
                "postroom.handlers.orderMail.send.retry-after[0]=1s");

        assertThat(output.getOut())
                .contains("ordermail.sent.concurrency")
                .contains("ordermail.send.concurency")
                .doesNotContain("retry-after[0]");
    }

    private static Map<String, Handler> find(String... properties) {
        MockEnvironment environment = new MockEnvironment();
        for (String property : properties) {
            environment.withProperty(
                    property.substring(0, property.indexOf('=')), property.substring(property.indexOf('=') + 1));
        }
        return find(environment);
    }

    private static Map<String, Handler> find(org.springframework.core.env.ConfigurableEnvironment environment) {
        try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext()) {
            context.setEnvironment(environment);
            context.registerBean("orderMail", OrderMail.class);
            context.registerBean(
                    "shop",
                    Handler.class,
                    () -> Handler.send("shop", String.class, (text, unused) -> Outcome.done())
                            .id("shop")
                            .retry(RetryPolicy.fixed(2, Duration.ofHours(1))));
            context.refresh();
            Map<String, Handler> found = new HashMap<>();
            new BeanHandlers(context.getBeanFactory(), new HandlerSettings(context.getBeanFactory(), environment))
                    .find()
                    .forEach(handler -> found.put(handler.id(), handler));
            return found;
        }
    }
}
