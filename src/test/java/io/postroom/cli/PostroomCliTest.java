package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which arguments of the server's jar are a command. */
class PostroomCliTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "status",
                "stauts",
                "--url https://x status",
                "--json queues",
                "--json --db jdbc:postgresql:x export-definitions",
                "--help",
                "-h",
                "--version",
                "-V",
                "--json --help"
            })
    void command_with_its_options_first_starts_no_server(String arguments) {
        assertThat(PostroomCli.isCommand(false, arguments.split(" "))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"--server.port=0", "--postroom.demo=false --spring.datasource.url=jdbc:postgresql:status"})
    void options_of_the_server_are_no_command_unless_the_script_runs_them(String arguments) {
        assertThat(PostroomCli.isCommand(false, arguments.split(" "))).isFalse();
        assertThat(PostroomCli.isCommand(true, arguments.split(" "))).isTrue();
    }

    @Test
    void no_argument_is_no_command() {
        assertThat(PostroomCli.isCommand(false)).isFalse();
        assertThat(PostroomCli.isCommand()).isFalse();
    }

    @Test
    void script_says_that_a_command_is_meant() throws IOException, InterruptedException {
        Path java = Files.createDirectories(folder.resolve("bin")).resolve("java");
        Files.writeString(java, "#!/bin/sh\necho \"$@\"\n");
        assertThat(java.toFile().setExecutable(true)).isTrue();
        ProcessBuilder script = new ProcessBuilder(List.of("bin/postroom", "--hlep")).redirectErrorStream(true);
        script.environment().put("POSTROOM_JAR", "pom.xml");
        script.environment().put("JAVA_HOME", folder.toString());
        script.environment().put("POSTROOM_JAVA_OPTIONS", "-Dpostroom.cli=false");
        Process process = script.start();
        assertThat(process.getInputStream())
                .asString(StandardCharsets.UTF_8)
                .contains("-Dpostroom.cli=false -Dpostroom.cli=true -jar pom.xml --hlep");
        assertThat(process.waitFor()).isZero();
    }
}
