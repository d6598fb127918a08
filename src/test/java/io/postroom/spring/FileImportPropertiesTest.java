package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.FileImport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.mock.env.MockEnvironment;

/** Imports of files as properties declare them. */
class FileImportPropertiesTest {
    @Test
    void imports_are_read_also_with_dots_in_their_names() {
        assertThat(declared(
                        "postroom.file-imports.orders.folder=/srv/inbox",
                        "postroom.file-imports.orders.queue=orders",
                        "postroom.file-imports.tenant.north.settings=north",
                        "postroom.file-imports.tenant.north.queue=orders",
                        "postroom.file-imports.tenant.north.format=csv",
                        "postroom.file-imports.tenant.north.separator=tab",
                        "postroom.file-imports.tenant.north.stable-for=5s",
                        "postroom.file-imports.tenant.north.largest-file=1000",
                        "postroom.file-imports.tenant.north.done=delete"))
                .containsExactlyInAnyOrder(
                        FileImport.of("orders", Path.of("/srv/inbox"), "orders"),
                        FileImport.ofSettings("tenant.north", "north", "orders")
                                .format(FileImport.Format.CSV)
                                .separator('\t')
                                .stableFor(Duration.ofSeconds(5))
                                .largestFile(1000)
                                .done(FileImport.Done.DELETE));
    }

    @ParameterizedTest
    @CsvSource({
        "foldr, x, is no setting of an import of files",
        "folder, inbox, postroom.file-imports.orders.folder cannot be used: folder must be an absolute path",
        "queue, '', postroom.file-imports.orders.queue cannot be used: queue must be given",
        "largest-line, 1, postroom.file-imports.orders.largest-line cannot be used",
        "format, xml, postroom.file-imports.orders.format cannot be read",
        "separator, ab, separator must be one character",
        "settings, north, folder must be left out where settings is given",
    })
    void wrong_property_stops_the_start_and_is_named(String property, String value, String refusal) {
        assertThatThrownBy(() -> declared(
                        "postroom.file-imports.orders.folder=/srv/inbox",
                        "postroom.file-imports.orders.queue=orders",
                        "postroom.file-imports.orders." + property + "=" + value))
                .isInstanceOf(StartProblem.class)
                .hasMessageContaining(refusal);
    }

    private static List<FileImport> declared(String... properties) {
        MockEnvironment environment = new MockEnvironment();
        for (String property : properties) {
            environment.setProperty(
                    property.substring(0, property.indexOf('=')), property.substring(property.indexOf('=') + 1));
        }
        return FileImportProperties.declared(environment);
    }
}
