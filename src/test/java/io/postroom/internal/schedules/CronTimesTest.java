package io.postroom.internal.schedules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneOffsetTransition;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.scheduling.support.CronExpression;

class CronTimesTest {
    /** Rows of the file that are refused on purpose, although a prototype of the rule answered them. */
    private static final Set<String> REFUSED_HERE = Set.of("0 0 31W * *", "*/90 * * * *");

    private static final ZoneId UTC = ZoneId.of("UTC");
    private static final Instant NOVEMBER = Instant.parse("2026-11-01T00:00:30Z");

    record Case(String expression, String zone, Instant from, String recommended, String note) {
        @Override
        public String toString() {
            return expression + " in " + zone + " after " + from + " (" + note + ")";
        }
    }

    static Stream<Case> cases() throws IOException {
        try (var file = CronTimesTest.class.getResourceAsStream("cron-cases.tsv")) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .skip(1)
                    .map(line -> line.split("\t"))
                    .map(row -> new Case(row[0], row[1], Instant.parse(row[2]), row[3], row[4]));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void times_are_those_of_the_rule(Case row) {
        if (row.recommended().equals("REJECT") || REFUSED_HERE.contains(row.expression())) {
            assertThat(isRefused(row)).isTrue();
            return;
        }
        List<Instant> expected =
                Arrays.stream(row.recommended().split(" ")).map(Instant::parse).toList();
        assertThat(times(row.expression(), row.zone(), row.from(), 5)).isEqualTo(expected);
    }

    private static boolean isRefused(Case row) {
        try {
            return CronTimes.of(row.expression(), ZoneId.of(row.zone()))
                    .next(row.from())
                    .isEmpty();
        } catch (InvalidMessageException refused) {
            return refused.field().equals("cron");
        }
    }

    private static List<Instant> times(String expression, String zone, Instant from, int howMany) {
        CronTimes times = CronTimes.of(expression, ZoneId.of(zone));
        List<Instant> answers = new ArrayList<>();
        Instant last = from;
        for (int i = 0; i < howMany; i++) {
            last = times.next(last).orElseThrow();
            answers.add(last);
        }
        return answers;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "60 * * * *; 0 to 59 in minute",
                "0 24 * * *; 0 to 23 in hour",
                "0 0 0 * *; 1 to 31, L, L-n, LW or nW in day of month",
                "0 0 * 13 *; 1 to 12 or JAN to DEC in month",
                "0 0 * * 8; 0 to 7 or SUN to SAT, nL or n#m in day of week",
                "*/90 * * * *; a step of 1 to 60 in minute",
                "*/0 * * * *; a step of 1 to 60 in minute",
                "0 0 */32 * *; a step of 1 to 31 in day of month",
                "0 22-2 * * *; write 22-23,0-2",
                "55-5 * * * *; write 55-59,0-5",
                "0 0 * 11-2 *; write 11-12,1-2",
                "0 0 * NOV-JAN *; write NOV-DEC,JAN",
                "0 0 * * 6-1; list the days",
                "0 0 1--100000000 * *; day of month",
                "0 0 * * 7-7; Write 7 alone",
                "0 0 29W * *; LW is the last working day",
                "0 0 31W * *; LW is the last working day",
                "0 0 0W * *; 1W to 28W",
                "0 0 L-31 * *; L-1 to L-27",
                "0 0 L-0 * *; L-1 to L-27",
                "0 0 * * 1#6; After # stands 1 to 5",
                "0 0 * * L; day of week",
                "0 0 * * FOO; day of week",
                "H H * * *; minute",
                "? * * * *; minute",
                "+5 * * * *; minute",
                "٣ * * * *; minute",
                "1-3-5 * * * *; minute",
                "*/5/2 * * * *; step",
                "5,, * * * *; minute",
                "1- * * * *; minute",
                "-1 * * * *; minute",
                "*/99999999999999999999 * * * *; step",
                "@reboot; or one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly",
                "@every 5m; or one of @yearly",
                "'0 0 0 1 1 * 2027'; It has 7",
                "0 0 * *; It has 4",
                "''; 5 fields",
                "'   '; 5 fields",
            })
    void refusal_names_the_field_and_what_may_stand_there(String expression, String said) {
        assertThatThrownBy(() -> CronTimes.of(expression, UTC))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("cron must be ")
                .hasMessageContaining(said);
    }

    @Test
    void expression_of_more_than_200_characters_is_refused() {
        assertThatThrownBy(() -> CronTimes.of("0 0 * * " + "1,".repeat(100) + "1", UTC))
                .hasMessageContaining("1 to 200 characters");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 31 2 *", "0 0 30 FEB MON#1,TUE#2 "})
    void impossible_days_never_fire(String expression) {
        Optional<Instant> next =
                CronTimes.of(expression.replace("MON#1,TUE#2", "*"), UTC).next(NOVEMBER);
        assertThat(next).isEmpty();
    }

    @Test
    void rare_days_are_found() {
        assertThat(times("0 0 0 29 2 MON", "UTC", NOVEMBER, 3))
                .containsExactly(
                        Instant.parse("2044-02-29T00:00:00Z"),
                        Instant.parse("2072-02-29T00:00:00Z"),
                        Instant.parse("2112-02-29T00:00:00Z"));
    }

    @Test
    void six_fields_want_both_days_and_five_fields_either() {
        assertThat(times("0 0 0 13 * FRI", "UTC", NOVEMBER, 1)).containsExactly(Instant.parse("2026-11-13T00:00:00Z"));
        assertThat(times("0 0 0 14 * FRI", "UTC", NOVEMBER, 1)).containsExactly(Instant.parse("2027-05-14T00:00:00Z"));
        assertThat(times("0 0 14 * FRI", "UTC", NOVEMBER, 3))
                .containsExactly(
                        Instant.parse("2026-11-06T00:00:00Z"),
                        Instant.parse("2026-11-13T00:00:00Z"),
                        Instant.parse("2026-11-14T00:00:00Z"));
    }

    @Test
    void seconds_spaces_cases_and_sunday_at_the_end_are_read() {
        assertThat(times("*/20 * * * * *", "UTC", NOVEMBER, 2))
                .containsExactly(Instant.parse("2026-11-01T00:00:40Z"), Instant.parse("2026-11-01T00:01:00Z"));
        assertThat(times("  0\t0  * jan  mon ", "UTC", NOVEMBER, 1))
                .containsExactly(Instant.parse("2027-01-04T00:00:00Z"));
        assertThat(times("0 0 * * fri-sun", "UTC", NOVEMBER, 4))
                .extracting(at -> at.atZone(UTC).getDayOfWeek().getValue())
                .containsExactly(5, 6, 7, 5);
        assertThat(times("@Daily", "UTC", NOVEMBER, 1)).containsExactly(Instant.parse("2026-11-02T00:00:00Z"));
    }

    @Test
    void fraction_of_a_second_does_not_give_the_same_time_again() {
        Instant planned = Instant.parse("2026-11-01T00:05:00Z");
        CronTimes times = CronTimes.of("*/5 * * * *", UTC);
        assertThat(times.next(planned.minusNanos(1))).contains(planned);
        assertThat(times.next(planned)).contains(planned.plusSeconds(300));
        assertThat(times.next(planned.plusNanos(1))).contains(planned.plusSeconds(300));
    }

    @Test
    void years_to_9999_are_planned() {
        CronTimes times = CronTimes.of("0 0 1 1 *", ZoneId.of("Europe/Berlin"));
        assertThat(times.next(Instant.parse("9998-06-01T00:00:00Z"))).contains(Instant.parse("9998-12-31T23:00:00Z"));
    }

    /** The answers must be later and on the wall clock, in each zone and around its last changes of clocks and its next ones. */
    @Test
    void no_zone_stands_still_at_its_changes_of_clocks() {
        List<String> expressions =
                List.of("30 2 * * *", "0 0 * * *", "*/10 * * * *", "15,45 1-3 * * *", "30 */2 * * *");
        int asked = 0;
        for (String id : ZoneId.getAvailableZoneIds()) {
            ZoneId zone = ZoneId.of(id);
            for (ZoneOffsetTransition change : changes(zone)) {
                for (String expression : expressions) {
                    CronTimes times = CronTimes.of(expression, zone);
                    CronExpression wall = CronExpression.parse("0 " + expression);
                    Instant at = change.getInstant().minus(Duration.ofHours(2));
                    for (int i = 0; i < 4; i++) {
                        Instant next = times.next(at).orElseThrow();
                        assertThat(next).as("%s in %s", expression, id).isAfter(at);
                        LocalDateTime local = LocalDateTime.ofInstant(next, zone);
                        assertThat(next.equals(change.getInstant()) || local.equals(wall.next(local.minusNanos(1))))
                                .as("%s in %s gives %s", expression, id, next)
                                .isTrue();
                        at = next;
                        asked++;
                    }
                }
            }
        }
        assertThat(asked).isGreaterThan(10_000);
    }

    private static List<ZoneOffsetTransition> changes(ZoneId zone) {
        List<ZoneOffsetTransition> changes = new ArrayList<>();
        ZoneOffsetTransition last = zone.getRules().previousTransition(NOVEMBER);
        ZoneOffsetTransition next = zone.getRules().nextTransition(NOVEMBER);
        if (last != null) {
            changes.add(last);
        }
        if (next != null) {
            changes.add(next);
        }
        return changes;
    }

    @Test
    void offsets_and_zones_without_changes_are_walked() {
        assertThat(CronTimes.of("0 12 * * *", ZoneOffset.ofHours(2)).next(NOVEMBER))
                .contains(Instant.parse("2026-11-01T10:00:00Z"));
    }

    @Test
    void zone_version_is_that_of_the_tz_database() {
        assertThat(ZoneVersion.ours()).matches("20\\d\\d[a-z]+");
    }
}
