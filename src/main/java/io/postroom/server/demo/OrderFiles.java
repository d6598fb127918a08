package io.postroom.server.demo;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes the paid orders into the folder that the file import watches, as a cash desk would: a file of NDJSON for each hour.
 *
 * <p>A file gets its name when all are complete; names that begin with a dot are left alone by the import. After a kill only files are
 * written that the folder and the folders below it do not have.
 */
final class OrderFiles {
    private static final Logger log = LoggerFactory.getLogger(OrderFiles.class);
    private static final DateTimeFormatter HOUR =
            DateTimeFormatter.ofPattern("yyyy-MM-dd-HH").withZone(ZoneOffset.UTC);
    private static final int BLOCK = 1_000;

    private final Path inbox;
    private final String run;

    /** @param run tells the files of this run from those of others: the import refuses a file that it knows */
    OrderFiles(Path inbox, String run) {
        this.inbox = inbox;
        this.run = run;
    }

    /** Writes the files that are missing. Returns how many files there are in all. */
    int write(TicketFile events) throws IOException {
        Set<String> there = namesBelow();
        Map<String, BufferedWriter> begun = new TreeMap<>();
        try (TicketFile.Reader reader = events.readAfter(0)) {
            for (List<TicketFile.Line> block = reader.next(BLOCK); !block.isEmpty(); block = reader.next(BLOCK)) {
                for (TicketFile.Line line : block) {
                    if (line.event().operation().equals(TicketEvent.CHECKED_OUT)) {
                        write(line.event(), begun);
                    }
                }
            }
            for (BufferedWriter writer : begun.values()) {
                writer.flush();
            }
        } finally {
            closeAll(begun.values());
        }
        for (String name : begun.keySet()) {
            if (there.contains(name)) {
                Files.delete(hidden(name));
            } else {
                Files.move(hidden(name), inbox.resolve(name), StandardCopyOption.ATOMIC_MOVE);
            }
        }
        return begun.size();
    }

    /** Closes each, also behind one that fails: what is full at the flush fails there. */
    private static void closeAll(Collection<BufferedWriter> writers) {
        for (BufferedWriter writer : writers) {
            try {
                writer.close();
            } catch (IOException flushedBefore) {
                log.debug("closing a file of orders failed", flushedBefore);
            }
        }
    }

    /** Deletes the files that the import has not taken yet, of whatever run. */
    static void deleteWaiting(Path inbox) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(inbox, "{.,}orders-*-run-*.ndjson")) {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
        }
    }

    private void write(TicketEvent event, Map<String, BufferedWriter> begun) throws IOException {
        String name = "orders-" + HOUR.format(event.timestamp()) + "-run-" + run + ".ndjson";
        BufferedWriter writer = begun.get(name);
        if (writer == null) {
            writer = Files.newBufferedWriter(hidden(name));
            begun.put(name, writer);
        }
        writer.write(JsonMapper.shared().writeValueAsString(event));
        writer.write('\n');
    }

    private Path hidden(String name) {
        return inbox.resolve("." + name);
    }

    /**
     * Names of the files in the folder and in those where the import puts what it takes. One that is missed because it moves meanwhile is
     * written again, and the import refuses it as one that it knows.
     */
    private Set<String> namesBelow() throws IOException {
        while (true) {
            try (Stream<Path> files = Files.walk(inbox)) {
                return files.map(file -> file.getFileName().toString()).collect(Collectors.toSet());
            } catch (UncheckedIOException unreadable) {
                if (!(unreadable.getCause() instanceof NoSuchFileException)) {
                    throw unreadable.getCause();
                }
            }
        }
    }
}
