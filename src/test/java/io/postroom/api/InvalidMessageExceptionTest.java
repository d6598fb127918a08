package io.postroom.api;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class InvalidMessageExceptionTest {
    @Test
    void what_a_reader_would_not_see_is_shown_escaped() {
        String value = "a\u001Bb\u009Bc\u202Ed\u2066e\u200Bf\uFEFFg\u00E9\u0414";
        assertThat(new InvalidMessageException("queue", "a name", value).getMessage())
                .isEqualTo(
                        "queue must be a name, got \"a\\u001bb\\u009bc\\u202ed\\u2066e\\u200bf\\ufeffg\u00E9\u0414\"");
    }
}
