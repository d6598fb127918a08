package io.postroom.internal.imports;

import io.postroom.api.MessageIds;
import io.postroom.internal.files.WholeFiles;
import io.postroom.internal.loop.LogText;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A watched folder: which of its files have come to rest, and where they go. Knows no content. One thread may use it.
 *
 * <p>Only regular files are taken. A link could lead out of the folder, and reading a pipe could wait for ever. The same is asked again of
 * a file that was claimed, because it may have been replaced between the look and the rename.
 */
public final class Inbox {
    private static final Logger log = LoggerFactory.getLogger(Inbox.class);

    static final String BAD_LINES = "bad-lines.ndjson";
    static final String REASON = "reason.txt";
    static final String NOT_REGULAR = "it is a link or no regular file";
    private static final String PROCESSING = "processing";
    private static final String DONE = "done";
    private static final String FAILED = "failed";
    /** Files that are watched at a time; others wait for their turn. */
    private static final int MOST = 10_000;

    private static final List<String> UNFINISHED = List.of(".tmp", ".part", ".partial", ".filepart", ".crdownload");

    private final Path folder;
    private final long stableNanos;
    private final LongSupplier nanoTime;
    private Map<Path, Seen> seen = new HashMap<>();

    /** @param folder a real path */
    public Inbox(Path folder, Duration stableFor) {
        this(folder, stableFor, System::nanoTime);
    }

    Inbox(Path folder, Duration stableFor, LongSupplier nanoTime) {
        this.folder = folder;
        this.stableNanos = stableFor.toNanos();
        this.nanoTime = nanoTime;
    }

    public Path folder() {
        return folder;
    }

    /** Looks at the files, and returns those that have come to rest, the oldest first. */
    public List<Path> restingFiles() throws IOException {
        long now = nanoTime.getAsLong();
        Map<Path, Seen> found = new HashMap<>();
        List<Path> resting = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            for (Path file : files) {
                if (found.size() == MOST) {
                    break;
                }
                Seen before = seen.get(file);
                Optional<Seen> looked = look(file, before, now);
                looked.ifPresent(one -> {
                    found.put(file, one);
                    if (!one.isOdd && now - one.since >= stableNanos) {
                        resting.add(file);
                    }
                });
            }
        } catch (DirectoryIteratorException failed) {
            throw failed.getCause();
        }
        seen = found;
        resting.sort(Comparator.comparing((Path file) -> found.get(file).micros).thenComparing(Path::compareTo));
        return resting;
    }

    private static Optional<Seen> look(Path file, @Nullable Seen before, long now) throws IOException {
        String name = file.getFileName().toString();
        String lower = name.toLowerCase(Locale.ROOT);
        if (name.startsWith(".") || UNFINISHED.stream().anyMatch(lower::endsWith)) {
            return Optional.empty();
        }
        BasicFileAttributes attributes;
        try {
            attributes = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException gone) {
            return Optional.empty();
        }
        if (attributes.isDirectory()) {
            return Optional.empty();
        } else if (!attributes.isRegularFile()) {
            if (before == null) {
                log.warn("{} is left alone: {}", shown(file), NOT_REGULAR);
            }
            return Optional.of(new Seen(0, 0, now, true));
        }
        Seen seen = new Seen(attributes.size(), micros(attributes), now, false);
        return Optional.of(before != null && before.isSame(seen) ? before : seen);
    }

    /**
     * Claims a file by moving it into a folder of its own below {@code processing}.
     *
     * @return empty: it was gone, or another process was faster
     */
    Optional<Claim> claim(Path file) throws IOException {
        Seen rested = seen.remove(file);
        UUID id = MessageIds.next();
        Path own = Files.createDirectories(folder.resolve(PROCESSING)).resolve(id.toString());
        Files.createDirectory(own);
        String name = file.getFileName().toString();
        boolean isOurs = name.equals(BAD_LINES) || name.equals(REASON);
        Path target = isOurs ? own.resolve("file-" + name) : own.resolve(file.getFileName());
        try {
            Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (NoSuchFileException gone) {
            Files.deleteIfExists(own); // another process may have taken it for a folder that was left
            return Optional.empty();
        }
        // Before anything is read: after a power cut a file must not be in both places.
        WholeFiles.forceFolder(own);
        WholeFiles.forceFolder(folder);
        BasicFileAttributes attributes =
                Files.readAttributes(target, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        boolean changed = rested == null
                || attributes.size() != rested.size
                || micros(attributes) != rested.micros
                || !attributes.isRegularFile();
        return Optional.of(new Claim(id, own, target, changed));
    }

    /** Whether files are claimed already, by this process or one that died, that are to be tried now. */
    boolean hasClaims(Predicate<UUID> isToBeTried) throws IOException {
        try (Stream<Path> folders = list(PROCESSING)) {
            return folders.map(own -> own.getFileName().toString())
                    .filter(Inbox::isId)
                    .map(UUID::fromString)
                    .anyMatch(isToBeTried);
        }
    }

    /** Files that are claimed already, the first claimed first. An empty folder is what a process left that died before the rename. */
    List<Claim> claims() throws IOException {
        List<Path> folders;
        try (Stream<Path> listed = list(PROCESSING)) {
            folders = listed.filter(path -> isId(path.getFileName().toString()))
                    .sorted()
                    .limit(MOST)
                    .toList();
        } catch (UncheckedIOException failed) {
            throw failed.getCause();
        }
        List<Claim> claims = new ArrayList<>();
        for (Path own : folders) {
            Optional<Path> file = fileIn(own);
            if (file.isPresent()) {
                claims.add(new Claim(UUID.fromString(own.getFileName().toString()), own, file.get(), false));
            } else {
                removeLeft(own);
            }
        }
        return claims;
    }

    private static Optional<Path> fileIn(Path own) throws IOException {
        try (Stream<Path> files = Files.list(own)) {
            return files.filter(file -> !Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS))
                    .filter(file -> !isOurs(file))
                    .findFirst();
        } catch (NoSuchFileException gone) {
            return Optional.empty();
        }
    }

    private static boolean isOurs(Path file) {
        String name = file.getFileName().toString();
        return name.startsWith(".") || name.equals(BAD_LINES) || name.equals(REASON);
    }

    /**
     * Removes a folder without a file. Only what is ours is deleted: a process that was suspended between making its folder and moving a
     * file into it may move the file now.
     */
    private static void removeLeft(Path own) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(own, Inbox::isOurs)) {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(own);
        } catch (NoSuchFileException | DirectoryNotEmptyException another) {
            log.debug("{} is another process's", own);
        }
    }

    private static boolean isId(String name) {
        try {
            return UUID.fromString(name).toString().equals(name);
        } catch (IllegalArgumentException other) {
            return false;
        }
    }

    private Stream<Path> list(String below) throws IOException {
        try {
            return Files.list(folder.resolve(below));
        } catch (NoSuchFileException none) {
            return Stream.empty();
        }
    }

    /** Moves a claimed file with what belongs to it to {@code done}. */
    void done(Claim claim) throws IOException {
        move(claim, DONE);
    }

    /** Moves a claimed file to {@code failed}, beside its reason. */
    void failed(Claim claim, String reason) throws IOException {
        WholeFiles.write(claim.own, REASON, (reason + "\n").getBytes(StandardCharsets.UTF_8));
        move(claim, FAILED);
    }

    private void move(Claim claim, String to) throws IOException {
        Path target = Files.createDirectories(folder.resolve(to));
        try {
            Files.move(claim.own, target.resolve(claim.own.getFileName()), StandardCopyOption.ATOMIC_MOVE);
        } catch (NoSuchFileException | FileAlreadyExistsException another) {
            log.debug("another process has moved {}", claim.own);
        }
        WholeFiles.forceFolder(target);
    }

    /** Deletes a claimed file and its folder. */
    void delete(Claim claim) throws IOException {
        Files.deleteIfExists(claim.file);
        remove(claim.own);
    }

    private static void remove(Path own) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(own)) {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
        } catch (NoSuchFileException gone) {
            return;
        }
        Files.deleteIfExists(own);
    }

    /** @throws FileSystemException it is a link or no regular file */
    static void requireRegular(Path file) throws IOException {
        if (!Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isRegularFile()) {
            throw new FileSystemException(file.toString(), null, NOT_REGULAR);
        }
    }

    private static long micros(BasicFileAttributes attributes) {
        return attributes.lastModifiedTime().to(TimeUnit.MICROSECONDS);
    }

    /** The name as people, headers and the log see it, at most 200 characters. */
    static String shown(Path file) {
        StringBuilder shown = new StringBuilder();
        String name = file.getFileName().toString();
        name.codePoints().limit(200).map(c -> LogText.isPlain(c) ? c : '_').forEach(shown::appendCodePoint);
        return shown.toString();
    }

    /**
     * A file that belongs to an import.
     *
     * @param own its folder
     * @param changedMeanwhile whether it was not what the look had found, when it was claimed
     */
    record Claim(UUID id, Path own, Path file, boolean changedMeanwhile) {
        String name() {
            return shown(file);
        }

        BasicFileAttributes attributes() throws IOException {
            return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        }

        long modifiedMicros() throws IOException {
            return micros(attributes());
        }

        /**
         * Opens the file for reading. Checks each time that it is a regular file: a pipe that somebody put in its place, also while no
         * process ran, would hold the thread until somebody writes into it. One that takes its place between the question and the opening
         * still does: Java opens no file without waiting.
         *
         * @throws FileSystemException it is a link or no regular file
         */
        FileChannel open() throws IOException {
            requireRegular(file);
            return FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        }
    }

    private record Seen(long size, long micros, long since, boolean isOdd) {
        boolean isSame(Seen other) {
            return size == other.size && micros == other.micros && isOdd == other.isOdd;
        }
    }
}
