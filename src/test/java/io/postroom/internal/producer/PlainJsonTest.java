package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is recognised as plain is storable by the parser's rules, too. */
class PlainJsonTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "[]",
                "null",
                " true ",
                "\"\"",
                "0",
                "-0.5",
                "12.25",
                "{\"a\": 1, \"b\": [true, false, null, {\"a\": \"\u00e9\"}]}",
                "\n{\t\"a\"\r:\t-1 ,\"b\": [ ] }\n",
            })
    void usual_json_is_plain(String json) {
        assertThat(PlainJson.is(json)).isTrue();
        assertThatCode(() -> JsonbValidator.requireStorableByParser(json)).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "[1,]",
                "{\"a\":1,}",
                "{\"a\" 1}",
                "{a:1}",
                "{\"a\":1 \"b\":2}",
                "[1 2]",
                "1 2",
                "01",
                "-",
                "1.",
                ".5",
                "+1",
                "1e5",
                "1E5",
                "NaN",
                "tru",
                "truex",
                "\"a",
                "\"\\u0000\"",
                "\"\\n\"",
                "\"\n\"",
                "\"\u0000\"",
                "\"\ud800\"",
                "\"\ud83d\ude00\"",
                "{\"a\":1,\"a\":2}",
                "{\"a\":{\"b\":1,\"b\":1}}",
                "\ufeff{}",
                "[1]]",
                "{}{}",
                "/**/1",
                "'a'",
            })
    void whatever_may_be_wrong_is_left_to_the_parser(String json) {
        assertThat(PlainJson.is(json)).isFalse();
    }

    @Test
    void more_than_its_limits_is_left_to_the_parser() {
        assertThat(PlainJson.is("[".repeat(16) + "]".repeat(16))).isTrue();
        assertThat(PlainJson.is("[".repeat(17) + "]".repeat(17))).isFalse();
        assertThat(PlainJson.is("9".repeat(64))).isTrue();
        assertThat(PlainJson.is("9".repeat(65))).isFalse();
        assertThat(PlainJson.is(objectWithKeys(24))).isTrue();
        assertThat(PlainJson.is(objectWithKeys(25))).isFalse();
    }

    private static String objectWithKeys(int keys) {
        StringBuilder json = new StringBuilder("{");
        for (int i = 0; i < keys; i++) {
            json.append(i == 0 ? "" : ",").append("\"k").append(i).append("\":").append(i);
        }
        return json.append("}").toString();
    }

    /** Texts of JSON's own characters, most of them broken: a plain one never fails in the parser. */
    @Test
    void nothing_that_the_parser_refuses_is_plain() {
        String[] parts = {
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"", "\\", "0", "1", "-", ".", "e", " ", "true", "null",
            "\u0000"
        };
        Random random = new Random(7);
        int plain = 0;
        for (int i = 0; i < 200_000; i++) {
            StringBuilder text = new StringBuilder();
            for (int part = random.nextInt(8) + 1; part > 0; part--) {
                text.append(parts[random.nextInt(parts.length)]);
            }
            if (PlainJson.is(text.toString())) {
                plain++;
                JsonbValidator.requireStorableByParser(text.toString());
            }
        }
        assertThat(plain).isGreaterThan(1000);
    }
}
