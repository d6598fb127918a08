package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.internal.consumer.ClaimRules.Way;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueReport.Stop;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a consumer holds once it was told to stop: the answer to the order must count all of it. */
@Timeout(60)
class StoppedConsumerTest {
    private final ClaimFixture fixture = new ClaimFixture();

    private void tellToStop() {
        fixture.stop = Stop.ORDERED;
        fixture.reported(false, false);
    }

    private void tellToGoOn() {
        fixture.stop = Stop.NONE;
        fixture.reported(false, false);
    }

    /**
     * The claim began before the order and answers after it. Who counted without waiting for it would say that nothing is held, and then
     * run what it brings.
     */
    @Test
    void claim_under_way_is_awaited_and_what_it_brought_is_counted() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch mayAnswer = new CountDownLatch(1);
        fixture.answer = request -> {
            asked.countDown();
            awaitOpen(mayAnswer);
            return List.of(ClaimFixture.message(1), ClaimFixture.message(2));
        };
        fixture.queue.cursors().arrived(4, 100);
        CompletableFuture<Void> claim = CompletableFuture.runAsync(fixture::step);
        asked.await();
        tellToStop();

        CompletableFuture<Boolean> settled = CompletableFuture.supplyAsync(fixture.claimer::awaitTurn);
        assertThat(settled).isNotDone();
        mayAnswer.countDown();

        assertThat(settled.get(30, TimeUnit.SECONDS)).isTrue();
        assertThat(fixture.held.count()).isEqualTo(2);
        claim.get(30, TimeUnit.SECONDS);
    }

    private static void awaitOpen(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void what_waits_for_a_thread_goes_back_and_the_consumer_can_go_on_later() {
        fixture.becomeReady(3);
        fixture.step();
        assertThat(fixture.held.count()).isEqualTo(3);
        HandlerBatch running = fixture.held.take();
        int begun = running.begin(Integer.MAX_VALUE).size();
        tellToStop();

        fixture.held.giveBackWaiting();

        assertThat(fixture.released).hasSize(3 - begun);
        assertThat(fixture.held.count()).isEqualTo(begun);
        fixture.becomeReady(2);
        fixture.step();
        assertThat(fixture.held.count()).isEqualTo(begun);

        fixture.held.ran(begun, running.begunBytes(), 1_000);
        tellToGoOn();
        await().atMost(30, TimeUnit.SECONDS).untilAsserted(() -> {
            // As the poll says that ends the stop. Some milliseconds after a turn in vain a claim leaves the queue to
            // others.
            fixture.queue.cursors().arrived(4, 100);
            fixture.step();
            assertThat(fixture.held.count()).isEqualTo(2);
        });
    }

    /** Direct dispatch that began before the order is counted from then on; one that begins later is refused. */
    @Test
    void direct_dispatch_that_began_before_is_counted_until_its_end() {
        List<NewMessage> messages = List.of(ClaimFixture.newMessage(ClaimFixture.QUEUE, 4));
        Optional<DirectDispatch> begun = fixture.directDispatcher.begin(messages, message -> true, fixture, ids -> {});
        assertThat(begun).isPresent();
        tellToStop();

        fixture.held.giveBackWaiting();

        assertThat(fixture.held.count()).isEqualTo(1);
        assertThat(fixture.directDispatcher.begin(messages, message -> true, fixture, ids -> {}))
                .isEmpty();
        assertThat(fixture.held.count()).isEqualTo(1);
        assertThat(fixture.rules.allow(Way.DIRECT_DISPATCH)).isFalse();
        assertThat(fixture.rules.leaveToOthers()).isTrue();
    }
}
