package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.MessageState;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.NextState;
import io.postroom.testing.PostgresTest;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Numbers that stand in SQL and in Java: each constant has one of its own, and SQL means the same by it. */
@PostgresTest
class StoredCodesTest {
    private final StoreFixture fixture;

    StoredCodesTest(DataSource pool) {
        this.fixture = new StoreFixture(pool);
    }

    /** Rows with these numbers exist: none may change. A new constant gets the next number, here, too. */
    @Test
    void codes_are_those_that_are_stored() {
        assertThat(codes(Direction.values(), Direction::code)).isEqualTo(Map.of("OUTGOING", 0, "INCOMING", 1));
        assertThat(codes(NextState.values(), NextState::code))
                .isEqualTo(Map.of("FINISHED", 0, "DELAYED", 1, "READY", 2, "DEAD", 3));
        assertThat(codes(AttemptOutcome.values(), AttemptOutcome::code))
                .isEqualTo(Map.of(
                        "DONE",
                        0,
                        "CANCELLED",
                        1,
                        "EXPIRED",
                        2,
                        "RETRY",
                        3,
                        "SNOOZE",
                        4,
                        "NOT_NOW",
                        5,
                        "REJECT",
                        6,
                        "FAILED",
                        7,
                        "CRASHED",
                        8,
                        "UNDECODABLE",
                        9));
        assertThat(codes(Admission.Answer.values(), Admission.Answer::code))
                .isEqualTo(Map.of("CHANGED", 1, "FULL", 2, "SETTLE", 3));
    }

    @Test
    void no_code_is_used_twice() {
        assertDistinct(Direction.values(), Direction::code);
        assertDistinct(NextState.values(), NextState::code);
        assertDistinct(AttemptOutcome.values(), AttemptOutcome::code);
    }

    @ParameterizedTest
    @EnumSource(AttemptOutcome.class)
    void the_views_name_an_outcome_as_java_does(AttemptOutcome outcome) {
        UUID id = fixture.enqueue();
        fixture.execute(
                "INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome) VALUES ('"
                        + id + "', now(), now(), " + fixture.queue.id() + ", 1, " + outcome.code() + ")");
        assertThat(fixture.texts("SELECT outcome FROM postroom.message_history WHERE message_id = '" + id + "'"))
                .containsExactly(outcome.label());
        boolean finishes = NextState.FINISHED.state(outcome).name().equals(outcome.name());
        assertThat(fixture.texts(
                        "SELECT state FROM postroom.place WHERE state <> 'READY' AND message_id = '" + id + "'"))
                .isEqualTo(finishes ? List.of(outcome.name()) : List.of());
        if (finishes) {
            fixture.execute(
                    "INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how) VALUES ("
                            + fixture.queue.id() + ", " + outcome.code() + ", 1, '" + id + "', '" + id
                            + "', 'delete')");
            assertThat(fixture.texts("SELECT outcome FROM postroom.purge_log WHERE first_id = '" + id + "'"))
                    .containsExactly(outcome.label());
        }
    }

    @ParameterizedTest
    @EnumSource(Direction.class)
    void sql_and_java_name_a_direction_alike(Direction direction) {
        String id = fixture.texts("SELECT id FROM postroom.create_message('" + fixture.queue.name()
                        + "', direction => '" + direction + "')")
                .get(0);
        assertThat(fixture.texts("SELECT direction FROM postroom.message WHERE id = '" + id + "'"))
                .containsExactly(String.valueOf(direction.code()));
        for (String view : List.of("message_content", "queue_messages")) {
            assertThat(fixture.texts("SELECT direction FROM postroom." + view + " WHERE message_id = '" + id + "'"))
                    .containsExactly(direction.name());
        }
        List<ClaimedMessage> claimed = fixture.claim(1000);
        assertThat(claimed)
                .filteredOn(message -> message.id().toString().equals(id))
                .extracting(message -> message.content().direction())
                .containsExactly(direction);
    }

    @ParameterizedTest
    @EnumSource(NextState.class)
    void complete_takes_a_message_where_its_code_says(NextState next) {
        UUID id = fixture.enqueue();
        ClaimedMessage held = fixture.claim(1000).stream()
                .filter(message -> message.id().equals(id))
                .findFirst()
                .orElseThrow();
        fixture.execute(
                "SELECT postroom.complete(%d, ARRAY[%d::int8], ARRAY[%s], ARRAY[%d::int8], ARRAY[%d], ARRAY['%s'::uuid], "
                                .formatted(
                                        fixture.worker,
                                        held.lease().id(),
                                        mask(held),
                                        held.lease().id(),
                                        held.lease().ordinal(),
                                        id)
                        + "ARRAY[1::int2], ARRAY[0::int8], ARRAY[0::int8], ARRAY[0::int2], ARRAY[" + next.code()
                        + "::int2], ARRAY[3600000000], ARRAY['" + (next == NextState.DEAD ? "rejected" : "retry")
                        + "'], NULL, NULL, NULL, ARRAY[0::int2], ARRAY[0::int2])");
        MessageState expected = next.state(AttemptOutcome.DONE);
        assertThat(fixture.texts("SELECT state FROM postroom.place WHERE message_id = '" + id + "'"))
                .contains(expected.name());
    }

    private static String mask(ClaimedMessage held) {
        StringBuilder mask = new StringBuilder("0".repeat(held.lease().count()));
        mask.setCharAt(held.lease().ordinal(), '1');
        return "'" + mask + "'";
    }

    private static <E extends Enum<E>> Map<String, Integer> codes(E[] constants, ToIntFunction<E> code) {
        Function<E, String> name = Enum::name;
        return Arrays.stream(constants).collect(Collectors.toMap(name, code::applyAsInt));
    }

    private static <E extends Enum<E>> void assertDistinct(E[] constants, ToIntFunction<E> code) {
        assertThat(Arrays.stream(constants).map(code::applyAsInt).toList()).doesNotHaveDuplicates();
    }
}
