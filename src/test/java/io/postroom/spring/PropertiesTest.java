package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.EngineSettings;
import io.postroom.api.Limiter;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.channel.mail.MailSettings;
import io.postroom.handler.HandlerMode;
import io.postroom.testing.QueueMembers;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.boot.thread.Threading;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.mock.env.MockEnvironment;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Defaults are the builder's, and every key is described for editors. */
class PropertiesTest {
    @Test
    void without_any_property_the_engine_has_the_builders_settings() {
        EngineSettings defaults = Postroom.on(new NoDataSource()).settings();

        PostroomProperties properties = bind("postroom", PostroomProperties.class, Map.of());

        assertThat(PostroomAutoConfiguration.settings(defaults, properties, false))
                .isEqualTo(defaults);
        assertThat(properties.enabled()).isTrue();
        assertThat(properties.workers().enabled()).isTrue();
        assertThat(properties.schema().mode()).isEqualTo(SchemaMode.MIGRATE);
        assertThat(properties.shutdown().drain()).isEqualTo(Postroom.DEFAULT_DRAIN);
    }

    @Test
    void queues_are_read_from_properties_also_with_dots_in_their_names() {
        assertThat(queues(
                        "postroom.queues.mail.kind=auto-delete",
                        "postroom.queues.orders.paid.retry-after=10s, 1m",
                        "postroom.queues.orders.paid.attempts=5",
                        "postroom.queues[a:B_c].time-to-live=2d",
                        "postroom.queues.to_print.ordered=true",
                        "postroom.queues.to_print.on-dead-letter=block",
                        "postroom.queues.endless.max-length=0",
                        "postroom.queues.short.max-length=500",
                        "postroom.queues.short.overflow=reject-to-dead-letter-exchange",
                        "postroom.queues.short.single-active-consumer=true",
                        "postroom.queues.short.expires-after=1h"))
                .containsExactlyInAnyOrder(
                        QueueSettings.of("mail").kind(QueueKind.AUTO_DELETE),
                        QueueSettings.of("orders.paid").attempts(5).retryAfter("10s, 1m"),
                        QueueSettings.of("a:B_c").timeToLive(Duration.ofDays(2)),
                        QueueSettings.of("to_print").ordered(true).onDeadLetter(QueueSettings.OnDeadLetter.BLOCK),
                        QueueSettings.of("endless").unlimited(),
                        QueueSettings.of("short")
                                .maxLength(500, Overflow.REJECT_TO_DEAD_LETTER_EXCHANGE)
                                .singleActiveConsumer(true)
                                .expiresAfter(Duration.ofHours(1)));
        assertThat(queues()).isEmpty();
    }

    @ParameterizedTest(name = "{0}={1}")
    @CsvSource(delimiter = '|', textBlock = """
            postroom.queues.mail.attempts                | 0    | postroom.queues.mail.attempts cannot be used: attempts must be 1 to 1000
            postroom.queues.mail.retry-after             | soon | postroom.queues.mail.retry-after cannot be used
            postroom.queues.mail.time-to-live            | 0s   | postroom.queues.mail.time-to-live cannot be used: timeToLive must be
            postroom.queues.mail.dead-letter-exchange    | a b  | postroom.queues.mail.dead-letter-exchange cannot be used
            postroom.queues.mail.dead-letter-routing-key | k    | postroom.queues.mail.dead-letter-routing-key cannot be used
            postroom.queues[a b].attempts                | 1    | postroom.queues[a b] cannot be used: queue must be 1 to 127
            postroom.queues.mail.atempts                 | 1    | "postroom.queues.mail.atempts" is no setting of a queue
            postroom.queues.attempts                     | 1    | "postroom.queues.attempts" is no setting of a queue
            postroom.queues.mail.attempts                | many | postroom.queues.mail.attempts
            postroom.queues.mail.kind                    | odd  | postroom.queues.mail.kind
            postroom.queues.mail.destination             | a b  | postroom.queues.mail.destination cannot be used
            """)
    void wrong_setting_of_a_queue_names_the_property(String name, String value, String said) {
        assertThatThrownBy(() -> queues(name + "=" + value)).hasStackTraceContaining(said);
    }

    private static List<QueueSettings> queues(String... properties) {
        return QueueProperties.declared(environment(properties)).queues();
    }

    private static MockEnvironment environment(String... properties) {
        MockEnvironment environment = new MockEnvironment();
        for (String property : properties) {
            int sign = property.indexOf('=');
            environment.setProperty(property.substring(0, sign), property.substring(sign + 1));
        }
        return environment;
    }

    @Test
    void limits_of_a_destination_are_read() {
        assertThat(DestinationProperties.declared(environment(
                        "postroom.destinations.my.bank.max-starts=5",
                        "postroom.destinations.my.bank.period=1s",
                        "postroom.destinations.my.bank.window=fixed",
                        "postroom.destinations.post.max-in-progress=2")))
                .containsExactly(
                        Limiter.ofDestination("my.bank")
                                .maxStarts(5, Duration.ofSeconds(1))
                                .window(Limiter.Window.FIXED),
                        Limiter.ofDestination("post").maxInProgress(2));
        assertThat(QueueProperties.declared(environment("postroom.queues.bills.destination=my.bank"))
                        .destinations())
                .isEqualTo(Map.of("bills", "my.bank"));
    }

    @ParameterizedTest(name = "{0}={1}")
    @CsvSource(delimiter = '|', textBlock = """
            postroom.destinations.bank.max-starts            | 5   | postroom.destinations.bank: period must be given with maxStarts
            postroom.destinations.bank.max-in-progress       | 0   | postroom.destinations.bank: maxInProgress must be 1 to
            postroom.destinations.bank.max-in-progress       | two | postroom.destinations.bank.max-in-progress cannot be read
            postroom.destinations.bank.window                | odd | postroom.destinations.bank.window cannot be read
            postroom.destinations.bank.window                | fixed | postroom.destinations.bank: maxStarts must be
            postroom.destinations.bank.max-starts-per-group  | 1   | is no setting of a destination
            postroom.destinations.bank                       | 1   | is no setting of a destination
            postroom.destinations[a b].max-in-progress       | 1   | destination must be
            """)
    void wrong_limit_of_a_destination_names_the_property(String name, String value, String said) {
        assertThatThrownBy(() -> DestinationProperties.declared(environment(name + "=" + value)))
                .hasStackTraceContaining(said);
    }

    @Test
    void handler_threads_can_be_set_and_are_refused_outside_of_their_bounds() {
        PostroomProperties few = bind("postroom", PostroomProperties.class, Map.of("handler-threads", "20"));
        PostroomProperties none = bind("postroom", PostroomProperties.class, Map.of("handler-threads", "0"));
        EngineSettings defaults = EngineSettings.defaults("x");

        assertThat(PostroomAutoConfiguration.settings(defaults, few, false).handlerThreads())
                .isEqualTo(20);
        assertThatThrownBy(() -> PostroomAutoConfiguration.settings(defaults, none, false))
                .hasMessageContaining("handlerThreads must be 1 to 10000, got 0");
        assertThat(Postroom.on(new NoDataSource()).handlerThreads(7).settings().handlerThreads())
                .isEqualTo(7);
        assertThatThrownBy(() -> defaults.withHandlerThreads(10_001))
                .hasMessage("handlerThreads must be 1 to 10000, got 10001");
    }

    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void virtual_threads_asked_for_on_an_old_java_are_refused_and_the_hosts_own_setting_does_nothing_there() {
        PostroomProperties asked = bind("postroom", PostroomProperties.class, Map.of("virtual-threads", "true"));
        PostroomProperties notAsked = bind("postroom", PostroomProperties.class, Map.of());
        EngineSettings defaults = EngineSettings.defaults("x");
        MockEnvironment host = new MockEnvironment().withProperty("spring.threads.virtual.enabled", "true");

        assertThatThrownBy(() -> PostroomAutoConfiguration.settings(defaults, asked, false))
                .isInstanceOf(StartProblem.class)
                .hasMessageContaining("virtualThreads needs Java 21 or newer");
        assertThatThrownBy(() -> Postroom.on(new NoDataSource()).virtualThreads(true))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(PostroomAutoConfiguration.settings(defaults, notAsked, Threading.VIRTUAL.isActive(host))
                        .virtualThreads())
                .isFalse();
    }

    @Test
    @EnabledForJreRange(min = JRE.JAVA_21)
    void virtual_threads_follow_the_host_unless_they_are_set() {
        PostroomProperties on = bind("postroom", PostroomProperties.class, Map.of("virtual-threads", "true"));
        PostroomProperties off = bind("postroom", PostroomProperties.class, Map.of("virtual-threads", "false"));
        PostroomProperties unset = bind("postroom", PostroomProperties.class, Map.of());
        EngineSettings defaults = EngineSettings.defaults("x");

        assertThat(PostroomAutoConfiguration.settings(defaults, on, false).virtualThreads())
                .isTrue();
        assertThat(PostroomAutoConfiguration.settings(defaults, off, true).virtualThreads())
                .isFalse();
        assertThat(PostroomAutoConfiguration.settings(defaults, unset, true).virtualThreads())
                .isTrue();
    }

    @Test
    void without_any_property_mails_have_the_channels_settings() {
        assertThat(bind("postroom.mail", MailProperties.class, Map.of()).toSettings())
                .isEqualTo(MailSettings.defaults());
    }

    @Test
    void every_mail_property_reaches_the_channel() {
        MailSettings settings = bind(
                        "postroom.mail",
                        MailProperties.class,
                        Map.ofEntries(
                                Map.entry("host", "smtp.example.org"),
                                Map.entry("port", "465"),
                                Map.entry("encryption", "tls"),
                                Map.entry("username", "app"),
                                Map.entry("password", "secret"),
                                Map.entry("from", "Tickets <tickets@example.org>"),
                                Map.entry("domain", "mail.example.org"),
                                Map.entry("connect-timeout", "1s"),
                                Map.entry("read-timeout", "2s"),
                                Map.entry("write-timeout", "3s"),
                                Map.entry("pool-size", "5"),
                                Map.entry("connection-max-age", "6s"),
                                Map.entry("mails-per-connection", "7"),
                                Map.entry("park-for", "8s"),
                                Map.entry("folder", "io/postroom")))
                .toSettings();

        assertThat(settings)
                .isEqualTo(MailSettings.defaults()
                        .host("smtp.example.org")
                        .port(465)
                        .encryption(MailSettings.Encryption.TLS)
                        .login("app", "secret")
                        .from("Tickets <tickets@example.org>")
                        .domain("mail.example.org")
                        .timeouts(Duration.ofSeconds(1), Duration.ofSeconds(2), Duration.ofSeconds(3))
                        .poolSize(5)
                        .connectionMaxAge(Duration.ofSeconds(6))
                        .mailsPerConnection(7)
                        .parkFor(Duration.ofSeconds(8))
                        .folder(Path.of("io/postroom")));
    }

    @Test
    void a_wrong_value_says_which() {
        assertThatThrownBy(() -> bind("postroom.mail", MailProperties.class, Map.of("port", "0"))
                        .toSettings())
                .isInstanceOf(StartProblem.class)
                .hasMessageContaining("port must be 1 to 65535")
                .hasMessageContaining("postroom.mail");
        PostroomProperties shortLease = bind("postroom", PostroomProperties.class, Map.of("lease-time", "6s"));
        assertThatThrownBy(() -> PostroomAutoConfiguration.settings(EngineSettings.defaults("x"), shortLease, false))
                .isInstanceOf(StartProblem.class)
                .hasMessageContaining("leaseTime must be at least three times beatInterval");
    }

    @Test
    void the_keys_of_a_handler_are_those_of_its_record() {
        assertThat(HandlerSettings.KEYS)
                .containsExactlyElementsOf(Arrays.stream(HandlerProperties.class.getRecordComponents())
                        .map(component -> kebab(component.getName()))
                        .toList());
        assertThat(HandlerMode.values()).hasSize(2);
    }

    /** Processors found on the class path alone are not run from JDK 23 on, and the file would be missing without a word. */
    @Test
    void every_key_is_described_in_the_metadata() throws IOException {
        Map<String, String> described = new HashMap<>();
        try (InputStream file =
                PostroomProperties.class.getResourceAsStream("/META-INF/spring-configuration-metadata.json")) {
            assertThat(file).isNotNull();
            for (JsonNode property : JsonMapper.shared().readTree(file).path("properties")) {
                described.put(
                        property.path("name").asString(),
                        property.path("description").asString(""));
            }
        }

        Set<String> keys = Stream.concat(
                        Stream.concat(
                                keys("postroom", PostroomProperties.class),
                                keys("postroom.mail", MailProperties.class)),
                        Stream.of(
                                "postroom.handlers",
                                "postroom.queues",
                                "postroom.schedules",
                                "postroom.settings",
                                "postroom.destinations"))
                .collect(Collectors.toSet());

        assertThat(keys).hasSizeGreaterThan(25);
        assertThat(described).containsKeys(keys.toArray(String[]::new));
        assertThat(keys)
                .allSatisfy(key -> assertThat(described.get(key)).as(key).endsWith("."));
        assertThat(described.get("postroom.handlers")).contains(HandlerSettings.KEYS);
        assertThat(described.get("postroom.queues")).contains(QueueProperties.KEYS.keySet());
        assertThat(described.get("postroom.settings")).contains(SettingsProperties.KEYS);
        assertThat(described.get("postroom.schedules")).contains(ScheduleProperties.KEYS);
        assertThat(described.get("postroom.destinations")).contains(DestinationProperties.KEYS);
        assertThat(described.get("postroom.homes")).contains(HomeProperties.KEYS);
    }

    @Test
    void each_setting_of_a_queue_has_a_property() {
        assertThat(QueueProperties.KEYS.values())
                .containsExactlyInAnyOrderElementsOf(Stream.concat(
                                QueueMembers.names().stream(),
                                Stream.of(
                                        "destination",
                                        "maxStarts",
                                        "period",
                                        "window",
                                        "maxInProgress",
                                        "maxStartsPerGroup",
                                        "periodPerGroup",
                                        "maxInProgressPerGroup"))
                        .toList());
        String[] properties = QueueMembers.sample().entrySet().stream()
                .map(setting -> "postroom.queues.mail." + kebab(setting.getKey()) + "=" + setting.getValue())
                .toArray(String[]::new);
        QueueMembers.assertAllNamed(queues(properties).get(0));
    }

    private static Stream<String> keys(String prefix, Class<?> type) {
        return Arrays.stream(type.getRecordComponents()).flatMap(component -> keys(prefix, component));
    }

    private static Stream<String> keys(String prefix, RecordComponent component) {
        String key = prefix + "." + kebab(component.getName());
        return component.getType().isRecord() ? keys(key, component.getType()) : Stream.of(key);
    }

    private static String kebab(String name) {
        return name.replaceAll("([A-Z])", "-$1").toLowerCase(java.util.Locale.ROOT);
    }

    private static <T> T bind(String prefix, Class<T> type, Map<String, String> values) {
        Map<String, String> full = new HashMap<>();
        values.forEach((key, value) -> full.put(prefix + "." + key, value));
        return new Binder(List.of(new MapConfigurationPropertySource(full))).bindOrCreate(prefix, Bindable.of(type));
    }

    private static final class NoDataSource extends AbstractDataSource {
        @Override
        public Connection getConnection() throws SQLException {
            throw new SQLException("not wanted here");
        }

        @Override
        public Connection getConnection(String username, String password) throws SQLException {
            return getConnection();
        }
    }
}
