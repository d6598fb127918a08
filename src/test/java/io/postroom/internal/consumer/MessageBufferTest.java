package io.postroom.internal.consumer;

import static io.postroom.internal.consumer.ClaimFixture.message;
import static io.postroom.internal.consumer.ClaimFixture.suspect;
import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.ClaimedMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class MessageBufferTest {
    private final Queue<ClaimedMessage> givenBack = new ConcurrentLinkedQueue<>();
    private final AtomicInteger requests = new AtomicInteger();
    private final MessageBuffer buffer = new MessageBuffer(givenBack::addAll, requests::incrementAndGet);

    @Test
    void messages_come_out_in_their_order_and_no_more_at_once_than_asked_for() {
        List<ClaimedMessage> messages = messages(5);
        buffer.put(messages.subList(0, 3));
        buffer.put(messages.subList(3, 5));

        assertThat(buffer.take(() -> 2)).containsExactly(messages.get(0), messages.get(1));
        assertThat(buffer.take(() -> 16)).containsExactlyElementsOf(messages.subList(2, 5));
    }

    @Test
    void suspect_comes_out_first_and_alone() {
        List<ClaimedMessage> messages = messages(3);
        buffer.put(messages);

        buffer.putFirst(suspect(9));

        assertThat(buffer.startsWithSuspect()).isTrue();
        assertThat(buffer.take(() -> 16)).containsExactly(suspect(9));
        assertThat(buffer.startsWithSuspect()).isFalse();
        assertThat(buffer.take(() -> 16)).containsExactlyElementsOf(messages);
    }

    @Test
    void suspect_that_was_put_back_behind_others_is_taken_alone() {
        List<ClaimedMessage> messages = messages(2);
        buffer.put(List.of(messages.get(0), suspect(9), messages.get(1)));

        assertThat(buffer.take(() -> 16)).containsExactly(messages.get(0));
        assertThat(buffer.take(() -> 16)).containsExactly(suspect(9));
        assertThat(buffer.take(() -> 16)).containsExactly(messages.get(1));
    }

    @Test
    void suspect_that_comes_after_the_close_goes_back_at_once() {
        buffer.close();

        buffer.putFirst(suspect(9));

        assertThat(givenBack).containsExactly(suspect(9));
    }

    @Test
    void each_put_asks_for_a_thread_and_so_does_each_take_that_leaves_messages_behind() {
        buffer.put(messages(3));
        assertThat(requests).hasValue(1);
        buffer.putFirst(suspect(9));
        assertThat(requests).hasValue(2);

        buffer.take(() -> 16);
        assertThat(requests).as("the suspect was taken alone").hasValue(3);
        buffer.take(() -> 2);
        assertThat(requests).hasValue(4);
        assertThat(buffer.isFilled()).isTrue();
        buffer.take(() -> 2);
        assertThat(requests).as("nothing is left").hasValue(4);
        assertThat(buffer.isFilled()).isFalse();
        assertThat(buffer.take(() -> 2)).isEmpty();
        buffer.put(List.of());
        buffer.close();
        buffer.put(messages(1));
        assertThat(requests).hasValue(4);
    }

    @Test
    void close_gives_back_what_waits_once() {
        List<ClaimedMessage> messages = messages(3);
        buffer.put(messages);
        buffer.take(() -> 1);

        buffer.close();
        buffer.close();

        assertThat(givenBack).containsExactlyElementsOf(messages.subList(1, 3));
        assertThat(buffer.isClosed()).isTrue();
        assertThat(buffer.take(() -> 1)).isEmpty();
    }

    @Test
    void what_a_late_claim_puts_after_the_close_goes_back_at_once() {
        List<ClaimedMessage> messages = messages(3);
        buffer.close();

        buffer.put(messages);

        assertThat(givenBack).containsExactlyElementsOf(messages);
        assertThat(buffer.take(() -> 16)).isEmpty();
    }

    @Test
    void nothing_is_given_back_for_nothing() {
        MessageBuffer strict =
                new MessageBuffer(messages -> assertThat(messages).isNotEmpty(), () -> {});
        strict.put(List.of());
        strict.close();
        strict.put(List.of());
    }

    /** Two puts, two takes and a close, in each of their 120 orders. What is left at the end is in the buffer. */
    @Test
    void each_message_comes_out_once_in_all_orders_of_put_take_and_close() {
        for (List<String> order : orders(List.of("put", "put", "take", "take", "close"))) {
            Queue<ClaimedMessage> out = new ConcurrentLinkedQueue<>();
            MessageBuffer fresh = new MessageBuffer(out::addAll, () -> {});
            List<ClaimedMessage> put = new ArrayList<>();
            for (String step : order) {
                if (step.equals("put")) {
                    List<ClaimedMessage> two = List.of(message(put.size()), message(put.size() + 1));
                    put.addAll(two);
                    fresh.put(two);
                } else if (step.equals("take")) {
                    out.addAll(fresh.take(() -> 1));
                } else {
                    fresh.close();
                }
            }
            assertThat(out).as("in the order %s", order).containsExactlyInAnyOrderElementsOf(put);
        }
    }

    /**
     * Put, two takes and a close have all begun and wait for one another, in each order: the message that waits and the one that is put
     * come out once.
     */
    @Test
    void each_message_comes_out_once_whichever_of_put_take_and_close_is_first_to_go_on() throws Exception {
        for (List<String> order : orders(List.of("put", "take", "take", "close"))) {
            Queue<ClaimedMessage> out = new ConcurrentLinkedQueue<>();
            MessageBuffer fresh = new MessageBuffer(out::addAll, () -> {});
            List<ClaimedMessage> messages = messages(4);
            fresh.put(messages.subList(0, 2));
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch mayGoOn = new CountDownLatch(1);
            List<Thread> threads = new ArrayList<>();
            threads.add(thread(() -> out.addAll(fresh.take(() -> {
                begun.countDown();
                awaitQuietly(mayGoOn); // in the middle of the take: all others wait
                return 1;
            }))));
            begun.await();
            for (String step : order) {
                Thread thread = thread(() -> {
                    switch (step) {
                        case "put" -> fresh.put(messages.subList(2, 4));
                        case "take" -> out.addAll(fresh.take(() -> 1));
                        default -> fresh.close();
                    }
                });
                threads.add(thread);
                awaitWaiting(thread);
            }
            mayGoOn.countDown();
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(out).as("in the order %s", order).containsExactlyInAnyOrderElementsOf(messages);
        }
    }

    /** The same at the same time: threads put, put back, take and close without an order. */
    @Test
    void each_message_comes_out_once_when_put_take_and_close_race() throws Exception {
        for (int round = 0; round < 300; round++) {
            Queue<ClaimedMessage> out = new ConcurrentLinkedQueue<>();
            MessageBuffer fresh = new MessageBuffer(out::addAll, () -> {});
            List<ClaimedMessage> claimed = messages(12);
            CyclicBarrier start = new CyclicBarrier(6);
            List<Thread> threads = List.of(
                    together(start, () -> fresh.put(claimed.subList(0, 4))),
                    together(start, () -> claimed.subList(4, 12).forEach(message -> fresh.put(List.of(message)))),
                    together(start, () -> takeUntilClosed(fresh, out, 1)),
                    together(start, () -> takeUntilClosed(fresh, out, 3)),
                    together(start, () -> {
                        HandlerBatch givenUp = new HandlerBatch(fresh.take(() -> 4));
                        out.addAll(givenUp.begin(1));
                        fresh.put(givenUp.takeRest()); // as when a thread is given up, or a stop hits a batch
                    }),
                    together(start, fresh::close));
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(out).containsExactlyInAnyOrderElementsOf(claimed);
            assertThat(fresh.take(() -> 16)).isEmpty();
        }
    }

    private static void takeUntilClosed(MessageBuffer buffer, Queue<ClaimedMessage> out, int most) {
        while (!buffer.isClosed() || buffer.isFilled()) {
            List<ClaimedMessage> some = buffer.take(() -> most);
            assertThat(some).hasSizeLessThanOrEqualTo(most);
            out.addAll(some);
        }
    }

    private static Thread together(CyclicBarrier start, Runnable work) {
        return thread(() -> {
            try {
                start.await();
            } catch (Exception broken) {
                throw new IllegalStateException(broken);
            }
            work.run();
        });
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "buffer-test");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until the thread waits, or has ended. */
    private static void awaitWaiting(Thread thread) {
        while (thread.getState() != Thread.State.WAITING && thread.isAlive()) {
            Thread.onSpinWait();
        }
    }

    private static List<List<String>> orders(List<String> steps) {
        if (steps.isEmpty()) {
            return List.of(List.of());
        }
        List<List<String>> orders = new ArrayList<>();
        for (int first = 0; first < steps.size(); first++) {
            List<String> rest = new ArrayList<>(steps);
            String step = rest.remove(first);
            for (List<String> order : orders(rest)) {
                List<String> whole = new ArrayList<>(List.of(step));
                whole.addAll(order);
                orders.add(whole);
            }
        }
        return orders;
    }

    private static List<ClaimedMessage> messages(int count) {
        return IntStream.range(0, count).mapToObj(ClaimFixture::message).toList();
    }

    @Test
    void messages_that_were_taken_run_although_no_further_thread_can_be_asked_for() {
        List<ClaimedMessage> three = List.of(ClaimFixture.message(1), ClaimFixture.message(2), ClaimFixture.message(3));
        AtomicBoolean refuses = new AtomicBoolean();
        MessageBuffer refusing = new MessageBuffer(messages -> {}, () -> {
            if (refuses.get()) {
                throw new OutOfMemoryError("planted");
            }
        });
        refusing.put(three);
        refuses.set(true);

        assertThat(refusing.take(() -> 1)).containsExactly(three.get(0));
        assertThat(refusing.take(() -> 5)).containsExactly(three.get(1), three.get(2));
    }
}
