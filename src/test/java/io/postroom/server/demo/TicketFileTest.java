package io.postroom.server.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.channel.mail.MailAddress;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TicketFileTest {
    private static final String GOOD =
            "{\"trackingId\":\"334931b6-b3ca-49d9-80f4-fb6f09532cc1\",\"operation\":\"ticket.checked-out\","
                    + "\"timestamp\":\"2026-01-05T09:00:06Z\",\"email\":\"ann@example.org\",\"name\":\"Анна\",\"order\":\"A-1\","
                    + "\"amount\":82.50,\"summary\":\"1 x Carmen\"}";

    @TempDir
    Path directory;

    @Test
    void the_shipped_file_is_what_the_generator_makes() throws Exception {
        StringWriter made = new StringWriter();
        TicketEventGenerator.write(made);
        byte[] shipped;
        try (InputStream in = TicketFile.class.getResourceAsStream("ticket-events.ndjson")) {
            shipped = in.readAllBytes();
        }

        assertThat(new String(shipped, StandardCharsets.UTF_8)).isEqualTo(made.toString());
        assertThat(shipped.length).isLessThan(2_500_000);
        assertThat(made.toString().lines()).allMatch(line -> line.length() < 300);
    }

    @Test
    void the_shipped_events_are_two_to_an_order_in_the_order_they_happened() throws Exception {
        List<TicketFile.Line> lines = all(TicketFile.shipped());

        assertThat(lines).hasSize(TicketEventGenerator.EVENTS);
        assertThat(TicketFile.shipped().lines()).isEqualTo(TicketEventGenerator.EVENTS);
        assertThat(lines).extracting(line -> line.event().timestamp()).isSorted();
        Set<Object> trackingIds = new HashSet<>();
        Set<String> inCheckout = new HashSet<>();
        Set<String> paid = new HashSet<>();
        for (TicketFile.Line line : lines) {
            TicketEvent event = line.event();
            trackingIds.add(event.trackingId());
            if (event.operation().equals(TicketEvent.ADDED_TO_CHECKOUT)) {
                assertThat(inCheckout.add(event.order())).isTrue();
            } else {
                assertThat(event.operation()).isEqualTo(TicketEvent.CHECKED_OUT);
                assertThat(inCheckout).contains(event.order());
                assertThat(paid.add(event.order())).isTrue();
            }
        }
        assertThat(trackingIds).hasSize(TicketEventGenerator.EVENTS);
        assertThat(paid).isEqualTo(inCheckout).hasSize(TicketEventGenerator.EVENTS / 2);
    }

    /** The figures stand in the Javadoc of {@link PlannedTrouble}. */
    @Test
    void so_many_of_the_shipped_events_fail() throws Exception {
        int once = 0;
        int twice = 0;
        int dead = 0;
        int malformed = 0;
        for (TicketFile.Line line : all(TicketFile.shipped())) {
            String email = line.event().email();
            if (!isAddress(email)) {
                malformed++;
            } else if (PlannedTrouble.answer(email, 2).isPresent()) {
                dead++;
            } else if (PlannedTrouble.answer(email, 1).isPresent()) {
                twice++;
            } else if (PlannedTrouble.answer(email, 0).isPresent()) {
                once++;
            }
        }
        assertThat(once).isEqualTo(163);
        assertThat(twice).isEqualTo(40);
        assertThat(dead).isEqualTo(10);
        assertThat(malformed).isEqualTo(2);
    }

    @Test
    void reading_goes_on_behind_any_line() throws Exception {
        List<TicketFile.Line> all = all(TicketFile.shipped());

        try (TicketFile.Reader reader = TicketFile.shipped().readAfter(9_400)) {
            assertThat(reader.line()).isEqualTo(9_400);
            assertThat(reader.next(500)).isEqualTo(all.subList(9_400, 9_900));
            assertThat(reader.next(500)).isEqualTo(all.subList(9_900, 10_000));
            assertThat(reader.next(500)).isEmpty();
            assertThat(reader.line()).isEqualTo(10_000);
        }
        try (TicketFile.Reader reader = TicketFile.shipped().readAfter(10_000)) {
            assertThat(reader.next(1)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "{}",
                "[]",
                "42",
                "{\"trackingId\":\"x\"}",
                "not json",
                "{\"surprise\":1," + "\"trackingId\":null}",
            })
    void a_malformed_line_is_refused_by_its_number(String malformed) throws Exception {
        Path file = Files.writeString(directory.resolve("mine.ndjson"), GOOD + "\n" + GOOD + "\n" + malformed + "\n");

        try (TicketFile.Reader reader = TicketFile.at(file).readAfter(0)) {
            assertThat(reader.next(2)).extracting(TicketFile.Line::number).containsExactly(1, 2);
            assertThatThrownBy(() -> reader.next(1))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageStartingWith("mine.ndjson line 3 must be a ticket event as JSON");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"order", "email", "timestamp"})
    void an_event_without_all_its_fields_is_refused_by_name(String field) throws Exception {
        Path file = Files.writeString(
                directory.resolve("mine.ndjson"), GOOD.replace("\"" + field + "\":", "\"" + field + "X\":"));

        try (TicketFile.Reader reader = TicketFile.at(file).readAfter(0)) {
            assertThatThrownBy(() -> reader.next(1))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("mine.ndjson line 1")
                    .hasMessageContaining(field);
        }
    }

    @Test
    void two_events_on_a_line_are_refused() throws Exception {
        Path file = Files.writeString(directory.resolve("mine.ndjson"), GOOD + " " + GOOD);

        try (TicketFile.Reader reader = TicketFile.at(file).readAfter(0)) {
            assertThatThrownBy(() -> reader.next(1)).hasMessageContaining("mine.ndjson line 1");
        }
    }

    private static List<TicketFile.Line> all(TicketFile file) throws IOException {
        List<TicketFile.Line> all = new ArrayList<>();
        try (TicketFile.Reader reader = file.readAfter(0)) {
            List<TicketFile.Line> block;
            while (!(block = reader.next(777)).isEmpty()) {
                all.addAll(block);
            }
        }
        return all;
    }

    private static boolean isAddress(String email) {
        try {
            MailAddress.parse("to", email);
            return true;
        } catch (InvalidMessageException e) {
            return false;
        }
    }
}
