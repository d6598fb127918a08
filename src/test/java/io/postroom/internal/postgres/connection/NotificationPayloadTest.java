package io.postroom.internal.postgres.connection;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

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
}
