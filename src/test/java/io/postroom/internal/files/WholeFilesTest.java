package io.postroom.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.testing.FullDisk;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

class WholeFilesTest {
    @TempDir
    Path folder;

    /** Half of the bytes are written before the device answers "no space left". */
    @Test
    @EnabledIf("hasFullDevice")
    void full_disk_leaves_the_file_as_it_was_and_nothing_half_written() throws Exception {
        WholeFiles.write(folder, "a.json", bytes("first"));

        for (String name : new String[] {"a.json", "b.json"}) {
            assertThatThrownBy(() -> WholeFiles.write(
                            folder,
                            name,
                            bytes("second"),
                            (path, options, attributes) -> new FullDisk(FileChannel.open(path, options, attributes))))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("space");
        }

        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(folder.resolve("a.json"));
        }
        assertThat(folder.resolve("a.json")).hasContent("first");
        WholeFiles.write(folder, "a.json", bytes("second"));
        assertThat(folder.resolve("a.json")).hasContent("second");
    }

    static boolean hasFullDevice() {
        return FullDisk.isThere();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
