package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueSettings;
import io.postroom.testing.QueueMembers;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** The settings of a queue as the text of a request. */
class QueueRequestTest {
    @Test
    void each_setting_of_a_queue_has_a_member() {
        QueueSettings read = QueueRequest.read("mail", JsonMapper.shared().writeValueAsString(QueueMembers.sample()));
        assertThat(read.queue()).isEqualTo("mail");
        QueueMembers.assertAllNamed(read);
    }

    @Test
    void unknown_member_is_refused_with_the_known_ones() {
        assertThatThrownBy(() -> QueueRequest.read("mail", "{\"maxAttempts\": 1}"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("maxAttempts must be left out")
                .hasMessageContainingAll(QueueMembers.names().toArray(String[]::new));
    }
}
