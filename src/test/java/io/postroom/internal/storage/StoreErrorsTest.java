package io.postroom.internal.storage;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.StoreException;
import io.postroom.api.StoreException.Kind;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Shows the table of SQLSTATEs: what a message is blamed for, and when a commit may have taken place all the same. */
class StoreErrorsTest {
    @ParameterizedTest
    @CsvSource(textBlock = """
            # state, kind,        of one row, may be of one row, may be committed
            08000, UNAVAILABLE, false, false, true
            08001, UNAVAILABLE, false, false, false
            08003, UNAVAILABLE, false, false, true
            08004, UNAVAILABLE, false, false, false
            08006, UNAVAILABLE, false, false, true
            08P01, UNAVAILABLE, false, false, true
            0A000, BROKEN,      false, false, false
            22001, REFUSED,     true,  true,  false
            22P05, REFUSED,     true,  true,  false
            23505, REFUSED,     true,  true,  false
            23514, REFUSED,     true,  true,  false
            25001, BROKEN,      false, false, false
            25006, UNAVAILABLE, false, false, false
            25P02, BROKEN,      false, false, false
            25P03, UNAVAILABLE, false, false, false
            25P04, UNAVAILABLE, false, false, true
            26000, BROKEN,      false, false, false
            28P01, BROKEN,      false, false, false
            40001, TRY_AGAIN,   false, false, false
            40003, UNAVAILABLE, false, false, true
            40P01, TRY_AGAIN,   false, false, false
            42501, BROKEN,      false, false, false
            42601, BROKEN,      false, false, false
            42883, BROKEN,      false, false, false
            42P01, BROKEN,      false, false, false
            42P05, BROKEN,      false, false, false
            53100, UNAVAILABLE, false, false, false
            53200, UNAVAILABLE, false, false, false
            53300, UNAVAILABLE, false, false, false
            54000, BROKEN,      false, true,  false
            55000, BROKEN,      false, false, false
            55P03, TRY_AGAIN,   false, false, false
            57014, UNAVAILABLE, false, false, false
            57P01, UNAVAILABLE, false, false, true
            57P02, UNAVAILABLE, false, false, true
            57P03, UNAVAILABLE, false, false, false
            57P05, UNAVAILABLE, false, false, true
            58030, UNAVAILABLE, false, false, true
            P0001, BROKEN,      false, true,  false
            XX001, BROKEN,      false, true,  true
            """)
    void each_state_has_its_line(
            String state, Kind kind, boolean ofOneRow, boolean mayBeOfOneRow, boolean mayBeCommitted) {
        SQLException error = new SQLException("it failed", state);
        StoreException translated = StoreErrors.translate("store it", error);

        assertThat(translated.kind()).isEqualTo(kind);
        assertThat(StoreErrors.isOfOneRow(translated)).isEqualTo(ofOneRow);
        assertThat(StoreErrors.mayBeOfOneRow(translated)).isEqualTo(mayBeOfOneRow);
        assertThat(StoreErrors.mayBeCommitted(translated)).isEqualTo(mayBeCommitted);
    }

    @Test
    void a_pool_without_a_free_connection_has_committed_nothing() {
        SQLException none = new SQLTransientConnectionException("no connection within 5 s");

        assertThat(StoreErrors.translate("store it", none).kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(StoreErrors.mayBeCommitted(new IllegalStateException(none))).isFalse();
    }

    @Test
    void a_failure_without_a_state_may_have_been_committed() {
        assertThat(StoreErrors.mayBeCommitted(new SQLException("no state"))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"42P05", "26000", "08P01"})
    void what_a_shared_session_causes_names_both_settings(String state) {
        assertThat(StoreErrors.translate("store it", new SQLException("no such statement", state)))
                .hasMessageContaining("prepareThreshold=0")
                .hasMessageContaining("postroom.listen=false");
    }
}
