package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.PollRequest;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.StoreIdentity;
import io.postroom.internal.storage.Upkeep;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.internal.worker.Consumers.RunningQueues;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When low watermarks rise, when lanes count as empty, and when all of that is forgotten. */
class LowWatermarkTest {
    private static final Instant SERVER = Instant.parse("2026-01-01T00:00:00Z");

    private final ConsumedQueue queue = new ConsumedQueue(new HandledQueue(1, "mail", List.of()));
    private final RunningQueues queues = new RunningQueues(1, List.of(queue));
    private final FakeWorkerStore store = new FakeWorkerStore();
    private final Consumers consumers = new Consumers(true);
    private final LowWatermark lowWatermark = new LowWatermark(store, consumers, Duration.ofSeconds(1));

    LowWatermarkTest() {
        consumers.declare(queue);
    }

    @Test
    void settled_sample_is_given_once() {
        sampled(50);
        store.settled = true;

        assertThat(lowWatermark.settled()).isEqualTo(sample(50));
        assertThat(lowWatermark.settled()).isNull();
    }

    @Test
    void low_watermark_rises_to_the_sample_where_nothing_waits() {
        lowWatermark.raise(sample(50), queues, List.of());

        PollRequest request = request();
        assertThat(request.queues()).containsExactly(1);
        assertThat(request.lowWatermark()).isEqualTo(50);
        assertThat(request.uneven()).isEmpty();
    }

    @Test
    void low_watermark_rises_to_the_lowest_row_that_waits() {
        lowWatermark.raise(sample(50), queues, List.of(waiting(3, 20)));

        PollRequest request = request();
        assertThat(request.queues()).isEmpty();
        assertThat(request.uneven()).containsExactly(1);
        assertThat(request.lowWatermarks()[3]).isEqualTo(20);
        assertThat(request.lowWatermarks()[4]).isEqualTo(50);
    }

    @Test
    void sample_that_only_spares_looks_is_dropped_while_it_has_not_settled() {
        sampled(50);

        assertThat(lowWatermark.settled()).isNull();
        store.settled = true;
        assertThat(lowWatermark.settled()).isNull();
    }

    @Test
    void after_three_polls_the_writers_decide_whether_a_sample_has_settled() {
        lowWatermark.raise(sample(-2), queues, List.of()); // so that the cursors, which start at 0, are ahead
        store.samples.add(sample(50));
        lowWatermark.sampleAgain(false);
        WatermarkSample byWriters = new WatermarkSample(55, null, List.of("a"), SERVER);
        store.samples.add(byWriters);

        assertThat(lowWatermark.settled()).isNull();
        assertThat(lowWatermark.settled()).isNull();
        assertThat(store.sampledByWriters).containsExactly(false);
        assertThat(lowWatermark.settled()).isNull();

        assertThat(store.sampledByWriters).containsExactly(false, true);
        store.settled = true;
        assertThat(lowWatermark.settled()).isEqualTo(byWriters);
    }

    @Test
    void nothing_is_sampled_while_no_cursor_is_ahead_and_no_look_was_in_vain() {
        lowWatermark.sampleAgain(false);

        assertThat(store.sampledByWriters).isEmpty();
    }

    @Test
    void looks_in_vain_are_sampled_for_once_in_ten_seconds() {
        sampled(50);
        store.settled = true;
        lowWatermark.settled();

        lowWatermark.sampleAgain(true);

        assertThat(store.sampledByWriters).containsExactly(false);
    }

    @Test
    void lanes_seen_empty_after_a_settled_sample_are_known_to_be_empty() {
        lowWatermark.raise(sample(50), queues, List.of());

        assertThat(isStillEmpty(50, SERVER)).isTrue();
        assertThat(isStillEmpty(51, SERVER)).as("somebody drew a number").isFalse();
        assertThat(isStillEmpty(50, SERVER.plusSeconds(1)))
                .as("another server may have lost what made the lanes empty")
                .isFalse();
        assertThat(lowWatermark.isStillEmpty(new RunningQueues(2, List.of(queue)), summary(50, SERVER)))
                .as("other queues")
                .isFalse();

        lowWatermark.raise(sample(60), queues, List.of(waiting(3, 55)));
        assertThat(isStillEmpty(60, SERVER)).isFalse();
    }

    @Test
    void another_server_is_noticed() {
        assertThat(lowWatermark.isAnotherServer(SERVER)).isFalse();
        assertThat(lowWatermark.isAnotherServer(SERVER)).isFalse();
        assertThat(lowWatermark.isAnotherServer(SERVER.plusSeconds(1))).isTrue();
    }

    @Test
    void sample_of_another_server_makes_all_be_looked_at_from_zero() {
        lowWatermark.isAnotherServer(SERVER.minusSeconds(1));
        lowWatermark.raise(sample(40), queues, List.of());

        sampled(50);

        assertForgotten();
    }

    @Test
    void number_that_went_back_makes_all_be_looked_at_from_zero() {
        lowWatermark.raise(sample(50), queues, List.of());

        sampled(49);

        assertForgotten();
    }

    @Test
    void summary_with_a_lower_number_comes_from_another_state_of_the_store() {
        lowWatermark.raise(sample(50), queues, List.of());

        assertThat(lowWatermark.isAnotherStore(summary(50, SERVER))).isFalse();
        assertThat(lowWatermark.isAnotherStore(summary(49, SERVER))).isTrue();
    }

    private PollRequest request() {
        return lowWatermark.request(7, queues, new int[0], null, true);
    }

    private boolean isStillEmpty(long lastSeq, Instant server) {
        return lowWatermark.isStillEmpty(queues, summary(lastSeq, server));
    }

    private static PollSummary summary(long lastSeq, Instant server) {
        return new PollSummary(
                new StoreIdentity(server, 1),
                0,
                "1",
                null,
                lastSeq,
                null,
                List.of(),
                0,
                false,
                null,
                new Upkeep(false, false, false),
                Instant.EPOCH);
    }

    private void assertForgotten() {
        store.settled = true;
        assertThat(request().lowWatermark()).isZero();
        assertThat(request().uneven()).isEmpty();
        assertThat(isStillEmpty(50, SERVER)).isFalse();
        assertThat(lowWatermark.settled()).isNull();
    }

    /** Lets a sample be taken, because a look was in vain. */
    private void sampled(long seq) {
        store.samples.add(sample(seq));
        lowWatermark.sampleAgain(true);
    }

    private static WatermarkSample sample(long seq) {
        return new WatermarkSample(seq, "7", null, SERVER);
    }

    private static QueueReport empty() {
        long[] lowest = new long[10];
        Arrays.fill(lowest, -1);
        return report(lowest);
    }

    private static QueueReport waiting(int priority, long seq) {
        QueueReport report = empty();
        report.lowest()[priority] = seq;
        return report;
    }

    private static QueueReport report(long[] lowest) {
        return new QueueReport(
                1, "mail", false, false, 10, "", false, false, false, QueueReport.Stop.NONE, lowest, false);
    }
}
