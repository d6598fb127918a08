package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class TableTest {
    @Test
    void rows_of_several_homes_begin_with_their_home() {
        JsonNode row = CliJson.MAPPER.createObjectNode().put("home", "second").put("part", "orders:1of2");
        assertThat(new Table("WORKER").row(row, "w").draw(80))
                .isEqualTo("HOME    PART         WORKER\nsecond  orders:1of2  w\n");
        assertThat(new Table("WORKER")
                        .row(CliJson.MAPPER.createObjectNode(), "w")
                        .draw(80))
                .isEqualTo("WORKER\nw\n");
    }

    @Test
    void columns_are_aligned_and_numbers_stand_on_the_right() {
        assertThat(new Table("QUEUE", "READY")
                        .row("mail", "7")
                        .row("notifications", "12000")
                        .draw(80))
                .isEqualTo("QUEUE          READY\nmail               7\nnotifications  12000\n");
    }

    @Test
    void what_a_terminal_would_obey_or_not_show_is_shown_by_its_number() {
        assertThat(Table.escaped("a\u001b[31mred\u0007 \r\n\t\u202egnp.exe\u200b\u0085\ud800 ü 漢"))
                .isEqualTo("a\\u001b[31mred\\u0007 \\r\\n\\t\\u202egnp.exe\\u200b\\u0085\\ud800 ü 漢");
        assertThat(new Table("ERROR").row("x\ny").draw(80)).isEqualTo("ERROR\nx\\ny\n");
    }

    @Test
    void line_is_not_wider_than_the_terminal_and_ids_stay_whole() {
        String id = "0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f";
        String drawn = new Table("ID", "QUEUE", "ERROR")
                .row(id, "mail", "e".repeat(5000))
                .row(id, "mail", "漢".repeat(300))
                .draw(80);
        assertThat(drawn.lines().skip(1)).allMatch(line -> line.startsWith(id) && line.endsWith("…"));
        assertThat(drawn.lines().toList().get(1)).hasSize(80);
        assertThat(drawn.lines().toList().get(2)).hasSizeLessThan(65); // each takes two columns
    }
}
