package io.postroom.server.demo;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.Random;
import java.util.UUID;

/**
 * Makes {@code ticket-events.ndjson}: 10,000 events of 5,000 orders, each put into the checkout and paid some minutes later, in the order
 * they happened. Customers, orders and times come from a random generator with a fixed seed, so the file is the same on every machine; a
 * test compares it with the one shipped. Which events fail is said by their place in the file, see {@code PlannedTrouble}.
 *
 * <p>Needs a JDK and nothing else, in the directory of the project:
 *
 * <pre>
 * cd src/main
 * java -Dfile.encoding=UTF-8 java/io/postroom/server/demo/TicketEventGenerator.java resources/io/postroom/server/demo/ticket-events.ndjson
 * </pre>
 */
public final class TicketEventGenerator {
    static final int EVENTS = 10_000;

    private static final long SEED = 20_260_105;
    private static final Instant BOX_OFFICE_OPENS = Instant.parse("2026-01-05T09:00:00Z");
    private static final int SECONDS_OF_SALE = 8 * 60 * 60;

    /** An address as users write it, and as a mailbox has it. */
    private static final String[][] FIRST_NAMES = {
        {"Ann", "ann"},
        {"Boris", "boris"},
        {"Chloé", "chloe"},
        {"Дарья", "darya"},
        {"Emil", "emil"},
        {"Fatima", "fatima"},
        {"Grzegorz", "grzegorz"},
        {"Hana", "hana"},
        {"Игорь", "igor"},
        {"José", "jose"},
        {"Kaja", "kaja"},
        {"Lior", "lior"},
        {"Mei", "mei"},
        {"Нина", "nina"},
        {"Olu", "olu"},
        {"Priya", "priya"}
    };

    private static final String[][] LAST_NAMES = {
        {"Adeyemi", "adeyemi"},
        {"Becker", "becker"},
        {"Castro", "castro"},
        {"Dvořák", "dvorak"},
        {"Evans", "evans"},
        {"Fischer", "fischer"},
        {"García", "garcia"},
        {"Haddad", "haddad"},
        {"Ito", "ito"},
        {"Jensen", "jensen"},
        {"Kim", "kim"},
        {"Lee", "lee"},
        {"Müller", "mueller"},
        {"Novak", "novak"},
        {"O'Brien", "obrien"},
        {"Rossi", "rossi"}
    };

    private static final String[] SHOWS = {
        "Hamlet", "The Seagull", "Swan Lake", "Carmen", "Jazz Night", "Godot", "Tosca", "Film Club", "Aida", "Circus"
    };

    private final Random random = new Random(SEED);

    private record Event(int second, int order, String operation, String json) {}

    private TicketEventGenerator() {}

    /** @param args the file to write */
    public static void main(String[] args) throws IOException {
        if (args.length != 1) {
            System.err.println("Name the file to write, as in ticket-events.ndjson");
            System.exit(2);
        }
        try (BufferedWriter file = Files.newBufferedWriter(Path.of(args[0]))) {
            write(file);
        }
    }

    /** Writes all events, one a line. */
    static void write(Writer file) throws IOException {
        new TicketEventGenerator().generate(file);
    }

    private void generate(Writer file) throws IOException {
        Event[] events = new Event[EVENTS];
        for (int i = 0; i < EVENTS; i += 2) {
            int order = 10_001 + i / 2;
            String[] first = pick(FIRST_NAMES);
            String[] last = pick(LAST_NAMES);
            int tickets = 1 + random.nextInt(4);
            int cents = tickets * (1_500 + 250 * random.nextInt(30));
            int row = 1 + random.nextInt(30);
            String show = SHOWS[random.nextInt(SHOWS.length)];
            String customer = String.format(
                    Locale.ROOT,
                    "\"email\":\"%s.%s@example.org\",\"name\":\"%s %s\",\"order\":\"A-%d\",\"amount\":%d.%02d,"
                            + "\"summary\":\"%d x %s, row %d\"}",
                    first[1],
                    last[1],
                    first[0],
                    last[0],
                    order,
                    cents / 100,
                    cents % 100,
                    tickets,
                    show,
                    row);
            int added = random.nextInt(SECONDS_OF_SALE);
            int paid = added + 30 + random.nextInt(600);
            events[i] = event(added, order, "ticket.added-to-checkout", customer);
            events[i + 1] = event(paid, order, "ticket.checked-out", customer);
        }
        Arrays.sort(
                events,
                Comparator.comparingInt(Event::second)
                        .thenComparingInt(Event::order)
                        .thenComparing(Event::operation));
        for (int i = 0; i < EVENTS; i++) {
            file.write(troubled(events[i].json, i + 1));
            file.write('\n');
        }
    }

    private Event event(int second, int order, String operation, String customer) {
        String json = String.format(
                Locale.ROOT,
                "{\"trackingId\":\"%s\",\"operation\":\"%s\",\"timestamp\":\"%s\",%s",
                trackingId(),
                operation,
                BOX_OFFICE_OPENS.plusSeconds(second),
                customer);
        return new Event(second, order, operation, json);
    }

    /** The marks that {@code PlannedTrouble} knows. */
    private static String troubled(String json, int line) {
        if (line == 1_234 || line == 8_765) {
            return json.replace("@example.org", "@@example.org");
        }
        if (line % 1_000 == 500) {
            return json.replace("@example.org", "+down@example.org");
        }
        if (line % 250 == 125) {
            return json.replace("@example.org", "+busy2@example.org");
        }
        return line % 60 == 0 ? json.replace("@example.org", "+busy1@example.org") : json;
    }

    /** Makes a random UUID (version 4) from the seeded generator. */
    private UUID trackingId() {
        long high = random.nextLong() & 0xFFFF_FFFF_FFFF_0FFFL | 0x4000L;
        long low = random.nextLong() & 0x3FFF_FFFF_FFFF_FFFFL | 0x8000_0000_0000_0000L;
        return new UUID(high, low);
    }

    private String[] pick(String[][] names) {
        return names[random.nextInt(names.length)];
    }
}
