package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Reason;
import io.postroom.internal.storage.OperatorStore;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each act of an operator may say why and by whom. */
@PostgresTest
class ReasonsTest {
    private static final String BY_ANN = ", reason => 'it is time', actor => 'ann')";

    private final StoreFixture fixture;

    ReasonsTest(TestDatabase database) {
        fixture = new StoreFixture(database.pool());
    }

    private List<String> newestLines(int count) {
        return fixture.texts("SELECT concat_ws('|', action, actor, reason) FROM (SELECT * FROM postroom.operator_log"
                + " ORDER BY at DESC LIMIT " + count + ") newest ORDER BY at");
    }

    private UUID held() {
        UUID id = fixture.enqueue();
        fixture.claim(100);
        return id;
    }

    private UUID dead() {
        UUID id = fixture.enqueue();
        fixture.stores
                .leases()
                .complete(
                        fixture.worker,
                        fixture.claim(100).stream()
                                .map(message -> StoreFixture.dead(message, "x"))
                                .toList());
        return id;
    }

    /** The place of the name of a message, queue, batch or schedule is {@code %s}. */
    private String made(String verb) {
        String queue = "'" + fixture.newQueue().name() + "'";
        return switch (verb) {
            case "cancel", "cancel_message", "reschedule" -> "'" + fixture.enqueue() + "'";
            case "cancel_running" -> "'" + held() + "'";
            case "redrive" -> "'" + dead() + "'";
            case "cancel_batch" -> "'" + fixture.text("SELECT postroom.create_batch('b')") + "'";
            case "pause_schedule", "resume_schedule", "run_schedule", "delete_schedule" -> {
                fixture.execute("SELECT postroom.delete_schedule('reasons')");
                fixture.execute(
                        "SELECT postroom.create_schedule('reasons', message => '{\"queue\": \"q\"}', every => '1 day')");
                if (verb.equals("resume_schedule")) {
                    fixture.execute("SELECT postroom.pause_schedule('reasons')");
                }
                yield "'reasons'";
            }
            case "resume_queue" -> {
                fixture.execute("SELECT postroom.pause_queue(" + queue + ")");
                yield queue;
            }
            default -> queue;
        };
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "cancel",
                "cancel_message",
                "cancel_running",
                "reschedule",
                "redrive",
                "pause_queue",
                "resume_queue",
                "stop_consumers",
                "start_consumers",
                "delete_queue",
                "cancel_batch",
                "pause_schedule",
                "resume_schedule",
                "run_schedule",
                "delete_schedule"
            })
    void act_by_sql_is_on_record_with_its_reason_and_actor_or_without(String verb) {
        String call = "SELECT postroom." + verb + "(" + made(verb) + (verb.equals("reschedule") ? ", now()" : "");
        assertThatThrownBy(() -> fixture.execute(call + ", reason => '')"))
                .rootCause()
                .hasMessageContaining("reason must be 1 to 200 characters");
        assertThatThrownBy(() -> fixture.execute(call + ", actor => repeat('x', 201))"))
                .rootCause()
                .hasMessageContaining("actor must be 1 to 200 characters");
        fixture.execute(call + BY_ANN);
        assertThat(newestLines(1).get(0)).endsWith("|ann|it is time");
        fixture.execute(
                "SELECT postroom." + verb + "(" + made(verb) + (verb.equals("reschedule") ? ", now()" : "") + ")");
        assertThat(newestLines(1).get(0))
                .as("nobody said why: the login is the actor")
                .endsWith("|" + fixture.text("SELECT current_user"));
        fixture.execute("SELECT postroom.delete_schedule('reasons')");
    }

    @Test
    void act_by_java_is_on_record_with_its_reason_and_actor() {
        Reason reason = Reason.of("it is time").by("ann");
        OperatorStore operator = fixture.stores.operator();
        operator.redrive(dead(), reason);
        operator.cancelRunning(fixture.claimOne().id(), reason);
        UUID waiting = fixture.enqueue();
        operator.reschedule(waiting, Instant.now().plus(Duration.ofHours(1)), reason);
        operator.cancel(waiting, reason);
        String queue = fixture.newQueue().name();
        operator.pause(queue, true, reason);
        operator.pause(queue, false, reason);
        fixture.stores.consumers().stop(queue, null, reason);
        fixture.stores.consumers().start(queue, reason);
        operator.purge(queue, reason);
        operator.delete(queue, false, false, null, reason);
        assertThat(newestLines(10))
                .containsExactly(
                        "redrive|ann|it is time",
                        "cancel|ann|it is time",
                        "reschedule|ann|it is time",
                        "cancel|ann|it is time",
                        "pause|ann|it is time",
                        "resume|ann|it is time",
                        "stop_consumers|ann|it is time",
                        "start_consumers|ann|it is time",
                        "purge|ann|it is time",
                        "delete|ann|it is time");
    }
}
