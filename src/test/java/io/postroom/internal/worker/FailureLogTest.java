package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import io.postroom.api.MessageIds;
import io.postroom.api.RecentFailures;
import io.postroom.internal.storage.DeadLetter;
import io.postroom.testing.LogRecorder;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How often a failure is said that happens again and again. */
class FailureLogTest {
    private final LogRecorder lines = LogRecorder.of("io.postroom.failures", Level.WARN);
    private long now;
    private final FailureLog failures = new FailureLog(() -> now);

    @AfterEach
    void close() {
        lines.close();
    }

    @Test
    void dead_letters_with_one_fingerprint_are_said_once_a_minute_with_their_number() {
        UUID last = died("f1");
        for (int i = 0; i < 67; i++) {
            last = died("f1");
        }
        assertThat(lines.lines())
                .singleElement()
                .asString()
                .contains(
                        "queue \"mail\" (ticket/2) is given up after 3 failed attempts, attempts_spent: refused",
                        "fingerprint f1")
                .doesNotContain("second line");

        pass(59);
        failures.sayHeldBack();
        assertThat(lines.lines()).hasSize(1);
        pass(1);
        failures.sayHeldBack();
        assertThat(lines.lines())
                .last()
                .asString()
                .contains(
                        "dead letters: 67 more of queue \"mail\" in the last 60 s",
                        last.toString(),
                        "refused",
                        "fingerprint f1");

        pass(60);
        failures.sayHeldBack();
        died("f1");
        assertThat(lines.lines()).as("a new one after a quiet minute").hasSize(3);
        assertThat(lines.events()).allMatch(event -> event.getLevel() == Level.WARN);
    }

    @Test
    void one_attempt_is_said_in_the_singular() {
        failures.buried(letter("mail", "f1", 1));
        assertThat(lines.lines())
                .singleElement()
                .asString()
                .contains("is given up after 1 failed attempt, attempts_spent");
    }

    @Test
    void other_fingerprints_and_queues_are_said_at_once() {
        died("f1");
        died("f2");
        failures.buried(letter("sms", "f1"));
        assertThat(lines.lines()).hasSize(3);
    }

    @Test
    void what_was_held_back_is_said_at_the_end() {
        died("f1");
        died("f1");
        failures.close();
        assertThat(lines.lines()).last().asString().contains("1 more of queue \"mail\"");
    }

    @Test
    void fingerprints_that_never_repeat_do_not_flood_the_log() {
        for (int i = 0; i < 1_000; i++) {
            died("f" + i);
        }
        assertThat(lines.lines()).hasSize(101);
        failures.close();
        assertThat(lines.lines()).last().asString().contains("899 more of queue \"mail\"", "fingerprint one of many");
    }

    @Test
    void counts_go_back_as_far_as_asked_for() {
        died("f1");
        pass(300);
        died("f1");
        assertThat(failures.recent(Duration.ofMinutes(1))).isEqualTo(new RecentFailures(1, 1, Duration.ofMinutes(1)));
        assertThat(failures.recent(Duration.ofMinutes(5)).deadLetters()).isEqualTo(2);
        pass(3600);
        assertThat(failures.recent(Duration.ofHours(1)).deadLetters()).isOne();
        pass(10);
        assertThat(failures.recent(Duration.ofHours(1)).deadLetters()).isZero();
        died("f1");
        assertThat(failures.recent(Duration.ofHours(1)).failedAttempts()).isOne();
    }

    private void pass(int seconds) {
        now += Duration.ofSeconds(seconds).toNanos();
    }

    private UUID died(String fingerprint) {
        DeadLetter letter = letter("mail", fingerprint);
        failures.buried(letter);
        return letter.messageId();
    }

    private static DeadLetter letter(String queue, String fingerprint) {
        return letter(queue, fingerprint, 3);
    }

    private static DeadLetter letter(String queue, String fingerprint, int attempts) {
        return new DeadLetter(
                MessageIds.next(),
                queue,
                DeadLetter.type("ticket", 2),
                attempts,
                "attempts_spent",
                "refused\nsecond line",
                fingerprint);
    }
}
