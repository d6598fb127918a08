package io.postroom.server;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.springframework.util.FileSystemUtils;

/** Links the tests' unpacked PostgreSQL into a server's new directory: unpacking takes 3 s of CPU. {@link FirstRunTest} unpacks once. */
final class UnpackedBinaries {
    /** Where the tests' own server was unpacked. */
    private static final Path UNPACKED = Path.of(System.getProperty("java.io.tmpdir"), "embedded-pg");

    private UnpackedBinaries() {}

    /** Makes the directory and the links. Where there is nothing to link to, the server unpacks its own. */
    static void linkInto(Path home) throws IOException {
        if (!Files.isDirectory(UNPACKED)) {
            return;
        }
        Files.createDirectories(home);
        Files.createFile(home.resolve(DirectoryLock.FILE_NAME)); // else the directory would not be the server's
        List<Path> versions;
        try (Stream<Path> entries = Files.list(UNPACKED)) {
            versions = entries.filter(entry -> Files.exists(entry.resolve(".exists")))
                    .toList();
        }
        Path binaries = home.resolve("binaries");
        try {
            for (Path version : versions) {
                link(version, binaries.resolve(version.getFileName()));
            }
        } catch (FileSystemException otherFileSystemOrOwner) {
            FileSystemUtils.deleteRecursively(binaries);
        }
    }

    private static void link(Path version, Path target) throws IOException {
        List<Path> all;
        try (Stream<Path> walk = Files.walk(version)) {
            all = walk.toList();
        }
        for (Path source : all) {
            Path link = target.resolve(version.relativize(source));
            if (Files.isSymbolicLink(source)) {
                Files.createSymbolicLink(link, Files.readSymbolicLink(source));
            } else if (Files.isDirectory(source)) {
                Files.createDirectories(link);
            } else {
                Files.createLink(link, source);
            }
        }
    }
}
