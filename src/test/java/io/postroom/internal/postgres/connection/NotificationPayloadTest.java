package io.postroom.internal.postgres.connection;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a NOTIFY carries: numbers of queues, never their names, within the 7,999 bytes that PostgreSQL takes. */
class NotificationPayloadTest {
    @Test
    void arrivals_of_many_queues_go_in_several_payloads_that_postgresql_takes() {
        List<Arrival> arrivals = IntStream.range(0, 2_000)
                .mapToObj(i -> new Arrival(new Lane(Integer.MAX_VALUE - i, 9), Long.MAX_VALUE, Integer.MAX_VALUE))
                .toList();

        List<String> payloads = PostgresNotificationListener.payloads(arrivals);

        assertThat(payloads).hasSizeGreaterThan(1).allSatisfy(payload -> {
            assertThat(payload.length()).isBetween(1, 7_999);
            assertThat(payload).matches("[0-9:\\n]+");
        });
        List<Arrival> read = new ArrayList<>();
        payloads.forEach(payload -> PostgresNotificationListener.read(payload, read));
        assertThat(read).isEqualTo(arrivals);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "7:10:100:1",
                "7:-1:100:1",
                "-7:3:100:1",
                "7:3:-100:1",
                "7:3:100:-1",
                "7:3:+100",
                "7:3",
                ":::",
                "",
                " 7:3:100:1",
                "2147483648:3:100:1",
                "7:3:9223372036854775808:1",
                "7:3:100:2147483648",
                "someone else's word",
                "\u0000\u202e7:3:1"
            })
    void line_of_a_stranger_is_passed_over_and_its_neighbours_count(String foreign) {
        List<Arrival> read = new ArrayList<>();
        PostgresNotificationListener.read("1:0:5:2\n" + foreign + "\n2:9:6", read);
        assertThat(read).containsExactly(new Arrival(new Lane(1, 0), 5, 2), new Arrival(new Lane(2, 9), 6, 1));
    }

    @Test
    void field_of_a_later_version_is_ignored() {
        List<Arrival> read = new ArrayList<>();
        PostgresNotificationListener.read("1:0:5:2:new", read);
        assertThat(read).containsExactly(new Arrival(new Lane(1, 0), 5, 2));
    }

    @Test
    void counts_of_one_lane_do_not_overflow() {
        Arrival most = new Arrival(new Lane(1, 0), 5, Integer.MAX_VALUE);
        assertThat(most.mergedWith(most).count()).isEqualTo(Integer.MAX_VALUE);
    }
}
