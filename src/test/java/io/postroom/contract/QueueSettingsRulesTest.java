package io.postroom.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueSettings;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The settings of a queue: the table takes what Java takes, and refuses what Java refuses. */
@PostgresTest
class QueueSettingsRulesTest {
    private final DataSource pool;
    private final JdbcClient sql;

    QueueSettingsRulesTest(DataSource pool) {
        this.pool = pool;
        this.sql = JdbcClient.create(pool);
        sql.sql("INSERT INTO postroom.queue (name) VALUES ('set') ON CONFLICT DO NOTHING")
                .update();
    }

    @AfterEach
    void forget() {
        sql.sql("DELETE FROM postroom.queue").update();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10 minutes",
                "abc",
                "-5s",
                "400000d",
                "",
                "10s,",
                ", 10s",
                "1s..",
                "..1h",
                "1h..1s",
                "0s..1h",
                "1s..401d",
                "1s..1m..1h",
                "10s, 401d",
                "1.5s",
                "PT10S",
                "9999999999s",
                "10s; DROP TABLE postroom.queue"
            })
    void waits_that_cannot_be_read_are_refused(String waits) {
        assertThatThrownBy(() -> operatorSets("retry_after", waits))
                .as("the table")
                .isInstanceOf(DataAccessException.class)
                .hasMessageContaining("queue_retry_after_readable");
        if (!waits.equals("PT10S")) { // Java writes it as 10s
            assertThatThrownBy(() -> QueueSettings.of("set").retryAfter(waits))
                    .as("Java")
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("retryAfter");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10s",
                "500ms",
                "0s",
                "10s, 1m,5m",
                "1s..1h",
                " 1S .. 2H ",
                "400d",
                "34560000s",
                "999999999ms",
                "5 m",
                "custom"
            })
    void waits_that_can_be_read_are_taken(String waits) {
        operatorSets("retry_after", waits);
        try (Postroom postroom = Postroom.on(pool).workers(false).start()) {
            postroom.queues().declare(QueueSettings.of("other").retryAfter(waits));
        }
    }

    @Test
    void waits_of_a_declaration_are_written_in_the_tables_form() {
        assertThat(QueueSettings.of("set").retryAfter("PT1M, 2H").retryAfter()).contains("1m, 2h");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "time_to_live = '-1 hour'",
                "time_to_live = '0'",
                "time_to_live = '401 days'",
                "time_to_live = '0.9 ms'",
                "retention = '-1 hour'",
                "retention = '401 days'",
                "retention = '1000 years'",
                "retention = NULL"
            })
    void times_outside_the_limits_are_refused_by_the_table(String change) {
        assertThatThrownBy(() -> sql.sql("UPDATE postroom.queue SET " + change).update())
                .isInstanceOf(DataAccessException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"time_to_live", "retention"})
    void infinity_is_refused_by_the_table(String column) {
        for (String endless : new String[] {"infinity", "-infinity"}) { // no interval at all before PostgreSQL 17
            assertThatThrownBy(() -> sql.sql("UPDATE postroom.queue SET " + column + " = '" + endless + "'")
                            .update())
                    .isInstanceOf(DataAccessException.class);
        }
    }

    @Test
    void for_ever_is_a_retention_in_Java_and_in_SQL() {
        try (Postroom postroom = Postroom.on(pool).workers(false).start()) {
            postroom.queues().declare(QueueSettings.of("kept").retention(QueueSettings.FOR_EVER));
        }
        assertThatCode(() -> sql.sql("UPDATE postroom.queue SET retention = '365000 days' WHERE name = 'set'")
                        .update())
                .doesNotThrowAnyException();
        assertThat(sql.sql("SELECT count(*) FROM postroom.queue WHERE retention = interval '365000 days'")
                        .query(Integer.class)
                        .single())
                .isEqualTo(2);
        assertThatThrownBy(() -> QueueSettings.of("kept").retention(Duration.ofDays(401)))
                .hasMessageContaining("PT0S to 400 days, or QueueSettings.FOR_EVER");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kind = 'lazy'", "kind = 'exclusive'", "kind = NULL", "owner = gen_random_uuid()"})
    void kinds_that_do_not_exist_and_owners_of_none_are_refused_by_the_table(String change) {
        assertThatThrownBy(() -> sql.sql("UPDATE postroom.queue SET " + change).update())
                .isInstanceOf(DataAccessException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", ".a", "a b", "a/b", "a\n", "\ra", "ä", "a\u0000", "#", "a.*"})
    void names_that_are_none_are_refused_in_Java_and_by_the_table(String name) {
        assertThatThrownBy(() -> QueueSettings.of(name))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("queue must be 1 to 127 of A-Z a-z 0-9 . _ : -");
        assertThatThrownBy(() -> sql.sql("INSERT INTO postroom.queue (name) VALUES (?)")
                        .param(name)
                        .update())
                .isInstanceOf(DataAccessException.class);
    }

    @Test
    void name_of_127_characters_is_taken_and_one_more_is_refused() {
        assertThat(QueueSettings.of("a".repeat(127)).queue()).hasSize(127);
        assertThatThrownBy(() -> QueueSettings.of("a".repeat(128)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("(128 characters)");
        assertThatThrownBy(() -> sql.sql("INSERT INTO postroom.queue (name) VALUES (repeat('a', 128))")
                        .update())
                .isInstanceOf(DataAccessException.class);
    }

    private void operatorSets(String column, String value) {
        sql.sql("UPDATE postroom.queue SET settings_by = 'operator', " + column + " = ?")
                .param(value)
                .update();
    }
}
