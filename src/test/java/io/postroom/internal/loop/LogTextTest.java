package io.postroom.internal.loop;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LogTextTest {
    @Test
    void one_line_has_neither_line_ends_nor_characters_that_turn_or_hide_text() {
        assertThat(LogText.oneLine("a\nb\tc\u2028d\u001b[2J e\u202ef\u2066g\u200bh\ufeffi", 100))
                .isEqualTo("a b c d [2J e\ufffdf\ufffdg\ufffdh\ufffdi");
    }

    @Test
    void one_line_is_cut_between_whole_characters() {
        assertThat(LogText.oneLine("\ud83d\ude00\ud83d\ude00", 1)).isEqualTo("\ud83d\ude00…");
        assertThat(LogText.oneLine("ab", 2)).isEqualTo("ab");
        assertThat(LogText.oneLine("ab", 0)).isEmpty();
    }
}
