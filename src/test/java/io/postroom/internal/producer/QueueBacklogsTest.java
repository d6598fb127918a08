package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Messages that wait for others: a text is its queue, a colon and a number; capital letters may wait. The test lets each write end. */
@Timeout(60)
class QueueBacklogsTest {
    private final List<List<String>> begun = new CopyOnWriteArrayList<>();
    private final Map<String, CountDownLatch> mayEnd = new ConcurrentHashMap<>();
    private final QueueBacklogs<String> backlogs = new QueueBacklogs<>(
            QueueBacklogsTest::queue,
            message -> Character.isUpperCase(message.charAt(message.length() - 1)),
            String::length,
            this::write);

    private static String queue(String message) {
        return message.substring(0, message.indexOf(':'));
    }

    private void write(List<String> group) {
        begun.add(group);
        try {
            latch(queue(group.get(0))).await(60, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private CountDownLatch latch(String queue) {
        return mayEnd.computeIfAbsent(queue, name -> new CountDownLatch(1));
    }

    @AfterEach
    void endAll() {
        backlogs.closeAtOnce();
        mayEnd.values().forEach(CountDownLatch::countDown);
    }

    private void awaitBegun(int groups) {
        await().atMost(30, TimeUnit.SECONDS).until(() -> begun.size() == groups);
    }

    @Test
    void message_that_waits_for_nobody_is_not_taken_unless_others_of_its_queue_are_here() {
        assertThat(backlogs.take("a:1")).isFalse();
        assertThat(backlogs.take("a:2W")).isTrue();
        assertThat(backlogs.take("a:3")).as("stays behind the one that waits").isTrue();
        assertThat(backlogs.take("b:1")).as("another queue").isFalse();
        assertThat(begun).as("before start").isEmpty();
        backlogs.start();
        awaitBegun(1);
        assertThat(begun).containsExactly(List.of("a:2W", "a:3"));
    }

    @Test
    void queue_is_written_by_one_thread_at_a_time_in_its_order_and_leaves_when_it_is_empty() throws Exception {
        backlogs.take("a:1W");
        backlogs.start();
        awaitBegun(1);
        backlogs.take("a:2");
        backlogs.take("a:3");
        backlogs.start();
        backlogs.take("b:1W");
        backlogs.start();
        awaitBegun(2); // b; a is under way, and what came meanwhile waits for that write
        assertThat(begun.get(1)).containsExactly("b:1W");
        latch("a").countDown();
        awaitBegun(3);
        assertThat(begun.get(2)).containsExactly("a:2", "a:3");
        latch("b").countDown();
        assertThat(backlogs.close(Duration.ofSeconds(30))).isEmpty();
        assertThat(begun).hasSize(3);
    }

    @Test
    void more_queues_than_writers_wait_for_one_and_are_written_then() {
        for (int i = 0; i <= QueueBacklogs.MOST_WRITERS; i++) {
            backlogs.take("q" + i + ":W");
        }
        backlogs.start();
        awaitBegun(QueueBacklogs.MOST_WRITERS);
        backlogs.start();
        assertThat(begun).as("one thread fewer than queues").hasSize(QueueBacklogs.MOST_WRITERS);
        latch("q0").countDown();
        awaitBegun(QueueBacklogs.MOST_WRITERS + 1);
        assertThat(begun.get(QueueBacklogs.MOST_WRITERS)).containsExactly("q" + QueueBacklogs.MOST_WRITERS + ":W");
    }

    @Test
    void group_has_a_limit() {
        List<String> all = new ArrayList<>();
        for (int i = 0; i <= SyncGroupCommit.LARGEST_GROUP; i++) {
            all.add("a:" + i + "W");
            backlogs.take("a:" + i + "W");
        }
        latch("a").countDown();
        backlogs.start();
        awaitBegun(2);
        assertThat(begun.get(0)).isEqualTo(all.subList(0, SyncGroupCommit.LARGEST_GROUP));
        assertThat(begun.get(1)).containsExactly("a:" + SyncGroupCommit.LARGEST_GROUP + "W");
    }

    @Test
    void close_takes_out_what_no_thread_has_begun() throws Exception {
        backlogs.take("a:1W");
        backlogs.start();
        awaitBegun(1);
        backlogs.take("a:2");
        assertThat(backlogs.close(Duration.ofMillis(1))).containsExactly("a:2");
        latch("a").countDown();
        assertThat(begun).containsExactly(List.of("a:1W"));
    }
}
