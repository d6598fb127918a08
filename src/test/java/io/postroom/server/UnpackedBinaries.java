package io.postroom.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Spares a first start what takes half of its CPU, 3 s: unpacking PostgreSQL. {@link FirstRunTest} plays the demo without it. */
final class UnpackedBinaries {
    /** Where the tests' own server was unpacked. */
    private static final Path UNPACKED = Path.of(System.getProperty("java.io.tmpdir"), "embedded-pg");

    private UnpackedBinaries() {}

    /** Makes links to the binaries in a new directory of a server. Where there are none to link to, the server unpacks its own. */
    static void linkInto(Path home) throws IOException {
        if (!Files.isDirectory(UNPACKED)) {
            return;
        }
        Files.createDirectories(home);
        Files.createFile(home.resolve(DirectoryLock.FILE_NAME)); // else the directory would not be the server's
        List<Path> all;
        try (Stream<Path> walk = Files.walk(UNPACKED)) {
            all = walk.toList();
        }
        for (Path source : all) {
            Path target = home.resolve("binaries").resolve(UNPACKED.relativize(source));
            if (Files.isSymbolicLink(source)) {
                Files.createSymbolicLink(target, Files.readSymbolicLink(source));
            } else if (Files.isDirectory(source)) {
                Files.createDirectories(target);
            } else {
                Files.createLink(target, source);
            }
        }
    }
}
