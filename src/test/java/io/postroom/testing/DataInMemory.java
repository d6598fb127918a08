package io.postroom.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.springframework.util.FileSystemUtils;

/**
 * Data directories on a file system in memory. Making and dropping a database there takes 33 ms of CPU instead of 140 on ext4. A server
 * deletes its directory when it stops; one of a JVM that was killed is deleted by the next JVM.
 */
final class DataInMemory {
    private static final Path MEMORY = Path.of("/dev/shm");
    private static final long NEEDED_BYTES = 4L << 30;
    private static final String PREFIX = "postroom-tests-";
    private static final Pattern NAME = Pattern.compile(PREFIX + "(\\d+)-.*");

    private DataInMemory() {}

    static boolean isPossible() {
        return Files.isDirectory(MEMORY)
                && Files.isWritable(MEMORY)
                && MEMORY.toFile().getUsableSpace() > NEEDED_BYTES;
    }

    static Path create() throws IOException {
        deleteThoseOfKilled();
        return Files.createTempDirectory(
                MEMORY, PREFIX + ProcessHandle.current().pid() + "-");
    }

    private static void deleteThoseOfKilled() throws IOException {
        List<Path> all;
        try (Stream<Path> entries = Files.list(MEMORY)) {
            all = entries.toList();
        }
        for (Path directory : all) {
            Matcher name = NAME.matcher(directory.getFileName().toString());
            if (name.matches()
                    && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()) {
                stop(directory.resolve("postmaster.pid"));
                FileSystemUtils.deleteRecursively(directory);
            }
        }
    }

    /** PostgreSQL outlives a JVM that is killed. The first line of the file is its process id. */
    private static void stop(Path postmaster) throws IOException {
        if (Files.exists(postmaster)) {
            long pid = Long.parseLong(Files.readAllLines(postmaster).get(0).strip());
            ProcessHandle.of(pid)
                    .filter(process -> process.info()
                            .command()
                            .filter(command -> command.endsWith("postgres"))
                            .isPresent())
                    .ifPresent(ProcessHandle::destroyForcibly);
        }
    }
}
