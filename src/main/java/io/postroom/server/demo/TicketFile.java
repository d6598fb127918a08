package io.postroom.server.demo;

import io.postroom.api.InvalidMessageException;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** A file of ticket events as NDJSON: one JSON object a line, in UTF-8. It is read as a stream; only the lines asked for are in memory. */
public final class TicketFile {
    private static final String SHIPPED = "ticket-events.ndjson";

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final String name;
    private final Opener opener;

    private TicketFile(String name, Opener opener) {
        this.name = name;
        this.opener = opener;
    }

    /** The 10,000 events that come with Postroom. */
    public static TicketFile shipped() {
        return new TicketFile(SHIPPED, () -> {
            InputStream resource = TicketFile.class.getResourceAsStream(SHIPPED);
            if (resource == null) {
                throw new FileNotFoundException(SHIPPED + " is not on the class path");
            }
            return resource;
        });
    }

    /** A file of your own. */
    public static TicketFile at(Path path) {
        return new TicketFile(path.getFileName().toString(), () -> Files.newInputStream(path));
    }

    /** One event and where it stands; the first line is 1. */
    public record Line(int number, TicketEvent event) {}

    public String name() {
        return name;
    }

    /** Counts the lines, by reading the file. */
    public int lines() throws IOException {
        try (BufferedReader reader = open()) {
            return Math.toIntExact(reader.lines().count());
        }
    }

    /** Opens the file behind the line of this number; 0 is the start. */
    public Reader readAfter(int line) throws IOException {
        BufferedReader reader = open();
        int skipped = 0;
        while (skipped < line && reader.readLine() != null) {
            skipped++;
        }
        return new Reader(reader, skipped);
    }

    private BufferedReader open() throws IOException {
        return new BufferedReader(new InputStreamReader(opener.open(), StandardCharsets.UTF_8));
    }

    /** A place in the file. One thread may use it. */
    public final class Reader implements Closeable {
        private final BufferedReader reader;
        private int line;

        private Reader(BufferedReader reader, int line) {
            this.reader = reader;
            this.line = line;
        }

        /** Returns the number of the line read last; 0 before the first. */
        public int line() {
            return line;
        }

        /**
         * Reads the next events, at most that many; returns none at the end.
         *
         * @throws InvalidMessageException for a line that is no event, naming file and line; the reader cannot be used after that
         */
        public List<Line> next(int count) throws IOException {
            List<Line> block = new ArrayList<>();
            String json;
            while (block.size() < count && (json = reader.readLine()) != null) {
                line++;
                block.add(new Line(line, parse(json)));
            }
            return block;
        }

        @Override
        public void close() throws IOException {
            reader.close();
        }

        private TicketEvent parse(String json) {
            try {
                TicketEvent event = JSON.readValue(json, TicketEvent.class);
                if (event == null) {
                    throw refused(json, "it is null");
                }
                return event;
            } catch (JacksonException e) {
                throw refused(json, e.getOriginalMessage());
            }
        }

        private InvalidMessageException refused(String json, String why) {
            return new InvalidMessageException(name + " line " + line, "a ticket event as JSON", json, why);
        }
    }

    @FunctionalInterface
    private interface Opener {
        InputStream open() throws IOException;
    }
}
