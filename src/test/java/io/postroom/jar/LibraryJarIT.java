package io.postroom.jar;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The library's jar holds the library alone; the server's jar holds everything. Maven names both jars by system properties. */
class LibraryJarIT {
    /** About 2,505 KiB: what speaks to PostgreSQL 430, migrations 190, the console 140, homes 108. Server and demo would add a third. */
    private static final long LARGEST = 2550 * 1024;

    private static final String AUTO_CONFIGURATIONS =
            "META-INF/spring/org.springframework.boot.autoconfigure.AutoConfiguration.imports";

    private static Path libraryFile;
    private static JarFile library;
    private static JarFile server;

    @BeforeAll
    static void open() throws IOException {
        libraryFile = Path.of(Objects.requireNonNull(System.getProperty("postroom.jar")));
        library = new JarFile(libraryFile.toFile());
        server = new JarFile(Objects.requireNonNull(System.getProperty("postroom.serverJar")));
    }

    @AfterAll
    static void close() throws IOException {
        library.close();
        server.close();
    }

    @Test
    void the_library_has_neither_server_nor_demo_and_is_small() throws IOException {
        assertThat(names(library))
                .contains("io/postroom/Postroom.class", "io/postroom/rest/RestAutoConfiguration.class")
                .anyMatch(name -> name.startsWith("io/postroom/db/migration/V001"))
                .noneMatch(name -> name.contains("server") || name.contains("demo") || name.contains("/cli/"));
        assertThat(Files.size(libraryFile)).isLessThan(LARGEST);
    }

    @Test
    void the_servers_jar_is_an_application_with_server_and_demo() throws IOException {
        assertThat(names(server))
                .contains(
                        "BOOT-INF/classes/io/postroom/server/PostroomServer.class",
                        "BOOT-INF/classes/io/postroom/server/demo/ticket-events.ndjson",
                        "BOOT-INF/classes/postroom-server.properties")
                .containsAll(names(library)
                        .filter(name -> name.startsWith("io/") && !name.endsWith("/"))
                        .map("BOOT-INF/classes/"::concat)
                        .toList());
        assertThat(server.getManifest().getMainAttributes().getValue("Start-Class"))
                .isEqualTo("io.postroom.server.PostroomServer");
    }

    @Test
    void the_servers_jar_is_the_command_line_too() throws Exception {
        assertThat(names(server)).contains("BOOT-INF/classes/io/postroom/cli/PostroomCli.class");
        Process version = command("--version");
        String said = new String(version.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(said).startsWith("postroom ").hasLineCount(1);
        assertThat(version.waitFor()).isZero();
        Process misspelt = command("--hlep");
        assertThat(misspelt.getInputStream()).asString(StandardCharsets.UTF_8).contains("--hlep", "Usage: postroom");
        assertThat(misspelt.waitFor()).isEqualTo(2);
    }

    private static Process command(String argument) throws IOException {
        ProcessBuilder command = new ProcessBuilder("bin/postroom", argument).redirectErrorStream(true);
        command.environment().put("POSTROOM_JAR", Objects.requireNonNull(System.getProperty("postroom.serverJar")));
        command.environment().put("JAVA_HOME", System.getProperty("java.home"));
        return command.start();
    }

    @Test
    void spring_finds_every_class_that_the_library_names() throws IOException {
        Properties factories = new Properties();
        factories.load(library.getInputStream(entry("META-INF/spring.factories")));
        List<String> named = Stream.concat(
                        factories.values().stream()
                                .flatMap(value -> Arrays.stream(value.toString().split(","))),
                        text(AUTO_CONFIGURATIONS).lines())
                .map(String::strip)
                .filter(name -> !name.isEmpty())
                .toList();

        assertThat(named).hasSizeGreaterThan(3).allMatch(LibraryJarIT::isInLibrary);
    }

    @Test
    void the_properties_described_for_hosts_come_from_classes_of_the_library() throws IOException {
        JsonNode metadata = JsonMapper.shared().readTree(text("META-INF/spring-configuration-metadata.json"));
        List<String> sources = Stream.of("groups", "properties")
                .flatMap(list -> metadata.get(list).valueStream())
                .map(node -> node.path("sourceType").asString(""))
                .filter(type -> !type.isEmpty())
                .distinct()
                .toList();

        assertThat(sources).isNotEmpty().allMatch(LibraryJarIT::isInLibrary);
    }

    private static boolean isInLibrary(String className) {
        return library.getEntry(className.replace('.', '/') + ".class") != null;
    }

    private static Stream<String> names(JarFile jar) {
        return jar.stream().map(JarEntry::getName);
    }

    private static JarEntry entry(String name) {
        return Objects.requireNonNull(library.getJarEntry(name), name);
    }

    private static String text(String name) throws IOException {
        return new String(library.getInputStream(entry(name)).readAllBytes(), StandardCharsets.UTF_8);
    }
}
