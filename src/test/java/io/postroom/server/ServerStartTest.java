package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.core.env.Environment;
import org.springframework.mock.env.MockEnvironment;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** What the server says when it cannot start, what it decides by itself, and that hosts with its jar notice nothing of it. */
@PostgresTest
class ServerStartTest {
    @Test
    void a_taken_port_is_said_and_another_named(TestDatabase database) throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            Throwable failure =
                    catchThrowable(() -> RunningServer.on(database, "--server.port=" + taken.getLocalPort()));
            assertThat(StartFailure.explain(failure))
                    .isEqualTo("Postroom does not start. Port " + taken.getLocalPort()
                            + " is in use by another program. Stop that one, or take another port: --server.port="
                            + (taken.getLocalPort() + 1));
        }
    }

    @Test
    void a_database_that_is_not_there_is_said_in_a_sentence(TestDatabase database) throws IOException {
        int nobody;
        try (ServerSocket free = new ServerSocket(0)) {
            nobody = free.getLocalPort();
        }
        Throwable failure = catchThrowable(() -> RunningServer.on(
                database,
                "--spring.datasource.url=jdbc:postgresql://127.0.0.1:" + nobody + "/postroom",
                "--spring.datasource.hikari.connection-timeout=500"));
        assertThat(StartFailure.explain(failure))
                .startsWith("Postroom does not start. ")
                .contains("127.0.0.1:" + nobody)
                .contains("spring.datasource.url")
                .doesNotContain("\tat ");
    }

    @Test
    void a_database_that_is_no_PostgreSQL_is_refused_at_once() {
        assertThat(catchThrowable(() -> settings(Map.of("spring.datasource.url", "jdbc:mysql://u:p@db/postroom"))))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("must name a PostgreSQL");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "postgres://app:s3cr3t@db/postroom",
                "s3cr3t",
                "jdbc:postgresql://app:s3cr3t@127.0.0.1:1/postroom",
                "jdbc:postgresql://127.0.0.1:1/postroom?user=app&password=s3cr3t",
                "jdbc:postgresql://127.0.0.1:port/postroom?password=s3cr3t&user=app",
                "jdbc:postgresql:?password=s3cr3t&sslmode=nonsense"
            })
    void no_password_of_a_wrong_database_url_is_shown(String url, TestDatabase database) {
        Throwable failure = catchThrowable(() -> RunningServer.on(
                database, "--spring.datasource.url=" + url, "--spring.datasource.hikari.connection-timeout=500"));
        assertThat(StartFailure.explain(failure))
                .startsWith("Postroom does not start")
                .doesNotContain("s3cr3t");
    }

    @Test
    void what_it_shows_whole_shows_no_password() {
        Throwable failure = new IllegalStateException(
                "url=jdbc:postgresql://app:s3cr3t@db/x?password=s3cr3t&a=b password: s3cr3t, token=s3cr3t"
                        + " //ann:s3cr3t/s3cr3t@host //ann@corp:s3cr3t@host password=x&s3cr3t;s3cr3t,s3cr3t end");
        assertThat(StartFailure.explain(failure))
                .contains("//app:***@db/x", "//ann:***@host", "//ann@corp:***@host", "password=*** end")
                .doesNotContain("s3cr3t");
    }

    @Test
    void a_setting_that_is_none_is_named(TestDatabase database) {
        assertThat(StartFailure.explain(catchThrowable(() -> RunningServer.on(database, "--server.port=web"))))
                .startsWith("Postroom does not start. ")
                .contains("server.port", "web")
                .doesNotContain("\tat ");
    }

    @Test
    void what_it_has_no_words_for_is_shown_whole() {
        assertThat(StartFailure.explain(new IllegalStateException("strange", new RuntimeException("cause"))))
                .contains("IllegalStateException: strange", "\tat ", "Caused by");
    }

    @Test
    void the_demo_is_on_with_a_database_of_its_own_and_off_with_a_given_one() {
        assertThat(settings(Map.of()).demo()).isEqualTo(ServerSettings.Demo.ON);
        assertThat(settings(Map.of("postroom.demo", "false")).demo()).isEqualTo(ServerSettings.Demo.OFF);
        assertThat(settings(Map.of("postroom.demo", "again")).demo()).isEqualTo(ServerSettings.Demo.AGAIN);
        Map<String, String> given = Map.of("spring.datasource.url", "jdbc:postgresql://db/postroom");
        assertThat(settings(given).databaseGiven()).isTrue();
        assertThat(settings(given).demo()).isEqualTo(ServerSettings.Demo.OFF);
        assertThat(settings(Map.of("spring.datasource.url", "jdbc:postgresql://db/postroom", "postroom.demo", "true"))
                        .demo())
                .isEqualTo(ServerSettings.Demo.ON);
        assertThat(settings(Map.of("spring.datasource.url", "")).databaseGiven())
                .isFalse();
        assertThat(catchThrowable(() -> settings(Map.of("postroom.demo", "maybe"))))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("postroom.demo must be true, false or again");
    }

    private static ServerSettings settings(Map<String, String> properties) {
        MockEnvironment environment = new MockEnvironment();
        properties.forEach(environment::setProperty);
        return ServerSettings.of((Environment) environment);
    }

    @Test
    void hosts_with_the_jar_find_no_settings_of_the_server() throws Exception {
        try (Stream<Path> files = Files.list(mainClasses())) {
            assertThat(files.filter(Files::isRegularFile)
                            .map(file -> file.getFileName().toString()))
                    .as("at the root of the jar")
                    .containsExactly("postroom-server.properties");
        }
        assertThat(mainClasses().resolve("META-INF/build-info.properties")).doesNotExist();
        assertThat(mainClasses().resolve("io/postroom/build-info.properties")).exists();
    }

    private static Path mainClasses() throws URISyntaxException {
        return Path.of(PostroomServer.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
    }

    @Test
    void the_compose_file_is_YAML_and_its_variables_name_properties_that_exist() throws IOException {
        Map<String, Object> compose = new Yaml(new SafeConstructor(new LoaderOptions()))
                .load(Files.readString(Path.of("docker-compose.yml")));
        assertThat(compose).containsKeys("services", "volumes");
        Map<String, Map<String, Object>> services = map(compose.get("services"));
        assertThat(services).containsKeys("database", "server", "mail");
        Map<String, Object> variables = map(services.get("server").get("environment"));
        assertThat(variables.keySet())
                .containsExactlyInAnyOrder(
                        "SPRING_DATASOURCE_URL",
                        "SPRING_DATASOURCE_USERNAME",
                        "SPRING_DATASOURCE_PASSWORD",
                        "SERVER_ADDRESS",
                        "POSTROOM_TOKEN",
                        "POSTROOM_PREVIOUS_TOKEN",
                        "POSTROOM_DEMO",
                        "POSTROOM_MAIL_HOST",
                        "POSTROOM_MAIL_PORT",
                        "POSTROOM_MAIL_ENCRYPTION",
                        "POSTROOM_MAIL_FROM");
        List<Object> ports = list(services.get("server").get("ports"));
        assertThat(ports)
                .as("published on this machine only")
                .allMatch(port -> port.toString().startsWith("127.0.0.1:"));
        Map<String, Object> dependsOn = map(services.get("server").get("depends_on"));
        assertThat(services.keySet()).containsAll(dependsOn.keySet());
    }

    @Test
    void containers_have_fixed_versions_and_no_rights_or_memory_that_they_do_not_need() throws IOException {
        String text = Files.readString(Path.of("docker-compose.yml"));
        Map<String, Object> compose = new Yaml(new SafeConstructor(new LoaderOptions())).load(text);
        Map<String, Map<String, Object>> services = map(compose.get("services"));
        services.forEach((name, service) -> {
            assertThat(list(service.get("security_opt"))).as(name).containsExactly("no-new-privileges:true");
            assertThat(list(service.get("cap_drop"))).as(name).containsExactly("ALL");
            assertThat(String.valueOf(service.get("mem_limit"))).as(name).matches("\\d+[mg]");
            assertThat(String.valueOf(service.getOrDefault("image", "x:1.1"))).matches(".+:v?\\d+\\.\\d+(\\.\\d+)?");
        });
        assertThat(services.get("server")).doesNotContainKey("cap_add").doesNotContainKey("privileged");
        assertThat(text).as("a token that one finds again").contains("> .env");
        assertThat(Files.readString(Path.of(".gitignore"))).contains(".env");

        String dockerfile = Files.readString(Path.of("Dockerfile"));
        assertThat(dockerfile)
                .containsPattern("FROM \\S+:\\d+\\.\\d+\\.\\S+")
                .contains("HEALTHCHECK")
                .contains("MaxRAMPercentage");
        assertThat(dockerfile.indexOf("USER postroom")).isBetween(0, dockerfile.indexOf("ENTRYPOINT"));
    }

    @Test
    void the_image_runs_the_jar_the_build_makes() throws IOException {
        String dockerfile = Files.readString(Path.of("Dockerfile"));
        String pom = Files.readString(Path.of("pom.xml"));
        Matcher copied =
                Pattern.compile("COPY target/postroom-\\*-(\\w+)\\.jar").matcher(dockerfile);
        assertThat(copied.find()).isTrue();
        assertThat(pom).contains("<classifier>" + copied.group(1) + "</classifier>");
        assertThat(Files.readString(Path.of(".dockerignore")))
                .contains("!target/postroom-*-" + copied.group(1) + ".jar");
    }

    @SuppressWarnings("unchecked") // a wrong shape fails the test
    private static <T> Map<String, T> map(Object value) {
        return (Map<String, T>) value;
    }

    @SuppressWarnings("unchecked") // likewise
    private static <T> List<T> list(Object value) {
        return (List<T>) value;
    }
}
