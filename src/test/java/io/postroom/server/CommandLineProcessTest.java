package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.JvmProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The main class of the server's jar, as the command line starts it. */
class CommandLineProcessTest {
    @Test
    void command_starts_no_server_and_ends_with_its_exit_code(@TempDir Path directory) throws Exception {
        try (JvmProcess process = JvmProcess.of(PostroomServer.class)
                .withoutTestClasses()
                .arguments("status", "--url", "http://127.0.0.1:1")
                .in(directory)
                .start()) {
            assertThat(process.awaitEnd()).as(process.output()).isEqualTo(3);
            assertThat(process.output().lines().filter(line -> !line.isBlank()))
                    .singleElement()
                    .asString()
                    .startsWith("postroom: http://127.0.0.1:1 cannot be reached");
            try (var made = Files.list(directory)) {
                assertThat(made).isEmpty();
            }
        }
    }
}
