package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** What else enters a host's class path together with Postroom. */
class DependenciesTest {
    @Test
    void a_host_gets_these_libraries_and_no_web_server_template_engine_or_database() throws Exception {
        List<String> wanted = new ArrayList<>();
        for (Element dependency : children(child(pom(), "dependencies"), "dependency")) {
            if (!"true".equals(text(dependency, "optional")) && !"test".equals(text(dependency, "scope"))) {
                wanted.add(text(dependency, "artifactId"));
            }
        }

        assertThat(wanted)
                .containsExactlyInAnyOrder(
                        "spring-boot-starter-jdbc",
                        "spring-context",
                        "postgresql",
                        "flyway-core",
                        "flyway-database-postgresql",
                        "shedlock-spring",
                        "shedlock-provider-jdbc-template",
                        "jackson-databind",
                        "jackson-annotations",
                        "slf4j-api",
                        "jspecify");
    }

    @Test
    void a_host_without_Spring_Boot_gets_no_logging_of_it_and_the_server_has_it() throws Exception {
        Element starter = dependency("spring-boot-starter-jdbc");

        assertThat(children(child(starter, "exclusions"), "exclusion"))
                .extracting(exclusion -> text(exclusion, "artifactId"))
                .containsExactly("spring-boot-starter-logging");
        assertThat(text(dependency("spring-boot-starter-logging"), "optional")).isEqualTo("true");
    }

    private static Element dependency(String artifactId) throws Exception {
        return children(child(pom(), "dependencies"), "dependency").stream()
                .filter(dependency -> text(dependency, "artifactId").equals(artifactId))
                .findFirst()
                .orElseThrow();
    }

    /** Else they would not be found, and nobody would say so. */
    @Test
    void every_auto_configuration_is_registered_and_none_is_found_by_scanning() throws IOException {
        List<String> registered = Files.readAllLines(
                        Path.of(
                                "src/main/resources/META-INF/spring/org.springframework.boot.autoconfigure.AutoConfiguration.imports"),
                        StandardCharsets.UTF_8)
                .stream()
                .filter(line -> !line.isBlank())
                .toList();

        assertThat(registered)
                .contains(
                        PostroomAutoConfiguration.class.getName(),
                        PostroomHealthAutoConfiguration.class.getName(),
                        MailAutoConfiguration.class.getName())
                .doesNotHaveDuplicates();
        assertThat(sourcesWith("@ComponentScan")).isEmpty();
        assertThat(sourcesWith("@Component\n")).isEmpty();
    }

    private static List<Path> sourcesWith(String text) throws IOException {
        try (var files = Files.walk(Path.of("src/main/java/io/postroom/spring"))) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> read(file).contains(text))
                    .toList();
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static Element pom() throws Exception {
        Document pom = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(Path.of("pom.xml").toFile());
        return pom.getDocumentElement();
    }

    private static Element child(Element parent, String name) {
        return children(parent, name).get(0);
    }

    private static String text(Element parent, String name) {
        List<Element> found = children(parent, name);
        return found.isEmpty() ? "" : found.get(0).getTextContent();
    }

    private static List<Element> children(Element parent, String name) {
        List<Element> children = new ArrayList<>();
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element && element.getTagName().equals(name)) {
                children.add(element);
            }
        }
        return children;
    }
}
