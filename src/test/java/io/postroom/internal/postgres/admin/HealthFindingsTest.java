package io.postroom.internal.postgres.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.DatabaseHealth.Finding;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.HolderKind;
import io.postroom.api.DatabaseHealth.Level;
import io.postroom.api.DatabaseHealth.Table;
import io.postroom.api.DatabaseHealth.Worker;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HealthFindingsTest {
    private static final Instant NOW = Instant.parse("2030-01-31T08:00:00Z");

    private final HealthFindings findings = new HealthFindings(Duration.ofMinutes(5));

    private static Holder holder(HolderKind kind, String state, Long seconds, Long transactions, Long walBytes) {
        return new Holder(
                kind,
                "x",
                Optional.empty(),
                Optional.of("app"),
                Optional.of("ann"),
                Optional.of(state),
                Optional.ofNullable(seconds),
                Optional.ofNullable(transactions),
                Optional.ofNullable(walBytes));
    }

    private List<String> problems() {
        return findings.all().stream()
                .filter(finding -> finding.level() == Level.PROBLEM)
                .map(Finding::what)
                .toList();
    }

    @Test
    void old_transaction_is_a_problem_with_its_holder_and_what_to_do() {
        findings.horizon(List.of(
                holder(HolderKind.SESSION, "idle in transaction", 299L, 5L, null),
                holder(HolderKind.SESSION, "idle in transaction", 300L, 77L, null),
                holder(HolderKind.PREPARED_TRANSACTION, "prepared", 7200L, 90L, null)));
        assertThat(problems()).hasSize(2);
        assertThat(problems().get(0))
                .contains("session x (app, user ann, idle in transaction)", "300 s", "77 transactions");
        assertThat(findings.all().get(0).todo()).contains("pg_terminate_backend(x)");
        assertThat(problems().get(1)).contains("transaction 'x' of user ann was prepared 120 min ago");
        assertThat(findings.all().get(1).todo()).contains("ROLLBACK PREPARED 'x'");
    }

    @Test
    void slot_is_a_problem_when_nobody_consumes_it_or_it_holds_much() {
        findings.horizon(List.of(
                holder(HolderKind.REPLICATION_SLOT, "active", null, 100L, 1L),
                holder(HolderKind.REPLICATION_SLOT, "not consumed", null, null, 50_000_000L),
                holder(HolderKind.REPLICATION_SLOT, "active", null, 10_000_000L, 1L)));
        assertThat(problems()).hasSize(2).first().asString().contains("not consumed and keeps 47 MB of WAL");
    }

    @Test
    void standby_is_a_note_until_it_holds_much() {
        findings.horizon(List.of(holder(HolderKind.STANDBY, "streaming", null, 1000L, null)));
        assertThat(problems()).isEmpty();
        assertThat(findings.all()).hasSize(1);
        findings.horizon(List.of(holder(HolderKind.STANDBY, "streaming", null, 10_000_000L, null)));
        assertThat(problems()).hasSize(1);
    }

    @Test
    void clocks_differ_only_as_far_as_the_round_trip_lets_one_know() {
        findings.clocks(new PostgresDatabase.Clocks(NOW, Duration.ofSeconds(-3), Duration.ofMillis(1500)));
        assertThat(problems()).isEmpty();
        findings.clocks(new PostgresDatabase.Clocks(NOW, Duration.ofSeconds(-4), Duration.ofMillis(100)));
        assertThat(problems()).containsExactly("the clock of this process is 4.0 s behind the database's");
        findings.clocks(new PostgresDatabase.Clocks(NOW, Duration.ofHours(3), Duration.ofMillis(100)));
        assertThat(problems()).last().asString().contains("180 min ahead of");
    }

    @Test
    void dead_rows_are_a_problem_when_they_are_many_and_far_more_than_the_live_ones() {
        findings.table(new Table("ready", 1, 0, 199_999, 1, Optional.empty()), false);
        findings.table(new Table("ready", 1, 100_000, 300_000, 1, Optional.empty()), false);
        assertThat(problems()).isEmpty();
        findings.table(new Table("ready", 1, 100_000, 500_000, 1, Optional.empty()), true);
        assertThat(findings.all().stream().map(Finding::code)).containsExactly("autovacuum", "dead_rows");
    }

    @Test
    void days_that_end_soon_and_days_that_are_used_up_are_told_apart() {
        findings.daysAhead("message", Duration.ofDays(3));
        assertThat(problems()).isEmpty();
        findings.daysAhead("message", Duration.ofHours(20));
        findings.daysAhead("attempt", Duration.ZERO);
        assertThat(problems().get(0)).contains("reach only 20 h ahead");
        assertThat(problems().get(1)).contains("used up");
    }

    @Test
    void operation_is_a_problem_without_steps_or_with_an_endless_canary() {
        findings.operation("1", "redrive, 0 of 9", 0, Duration.ofSeconds(59), Duration.ofDays(2));
        findings.operation("1", "redrive, 0 of 9", 10, Duration.ofSeconds(1), Duration.ofMinutes(59));
        assertThat(problems()).isEmpty();
        findings.operation("1", "redrive, 0 of 9", 0, Duration.ofSeconds(61), Duration.ofMinutes(2));
        findings.operation("2", "redrive, 2 of 9", 2, Duration.ofSeconds(1), Duration.ofHours(2));
        assertThat(problems().get(0)).contains("operation 1 (redrive, 0 of 9) has taken no step for 61 s");
        assertThat(problems().get(1)).contains("operation 2", "first 2 messages");
    }

    @Test
    void silent_worker_is_a_problem_while_it_holds_messages() {
        Worker alive = new Worker("a", "1", NOW, Duration.ofSeconds(5), 3);
        Worker killed = new Worker("k", "1", NOW, Duration.ofMinutes(5), 0);
        findings.workers(List.of(alive, killed), true);
        assertThat(problems()).isEmpty();
        assertThat(findings.all()).hasSize(1);
        findings.workers(List.of(new Worker("s", "1", NOW, Duration.ofMinutes(5), 3)), true);
        assertThat(findings.all().stream().map(Finding::code))
                .containsExactly("no_worker", "worker_silent", "worker_silent");
        assertThat(problems().get(1)).contains("still holds 3 messages");
    }

    @Test
    void no_worker_is_no_problem_where_nothing_waits() {
        findings.workers(List.of(), false);
        assertThat(findings.all()).isEmpty();
    }
}
