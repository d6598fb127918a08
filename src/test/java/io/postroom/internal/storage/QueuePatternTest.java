package io.postroom.internal.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** What a pattern matches, and whether two patterns could match one name: both against the plainest way to find out. */
class QueuePatternTest {
    private static final List<String> NAMES = sentences(List.of("a", "b", "c"), 5, Limits::isName);
    private static final List<String> PATTERNS = sentences(List.of("a", "b", "*", "#"), 3, text -> true);

    @Test
    void star_is_one_word_and_hash_is_any_number() {
        QueuePattern mail = new QueuePattern("tenant.*.mail");
        assertThat(mail.matches("tenant.a.mail")).isTrue();
        assertThat(mail.matches("tenant..mail")).as("an empty word").isTrue();
        assertThat(mail.matches("tenant.mail")).isFalse();
        assertThat(mail.matches("tenant.a.b.mail")).isFalse();
        assertThat(mail.matches("Tenant.a.mail")).isFalse();
        QueuePattern all = new QueuePattern("tenant.#");
        assertThat(all.matches("tenant")).isTrue();
        assertThat(all.matches("tenant.a.b")).isTrue();
        assertThat(all.matches("tenants.a")).isFalse();
        assertThat(new QueuePattern("#").matches("a")).isTrue();
    }

    @Test
    void matches_what_the_definition_says() {
        for (String pattern : PATTERNS) {
            QueuePattern matched = new QueuePattern(pattern);
            for (String name : NAMES) {
                assertThat(matched.matches(name))
                        .as("%s of %s", name, pattern)
                        .isEqualTo(matches(words(pattern), words(name)));
            }
        }
    }

    @Test
    void patterns_intersect_where_one_name_matches_both() {
        List<BitSet> matched = new ArrayList<>();
        for (String pattern : PATTERNS) {
            BitSet names = new BitSet();
            for (int name = 0; name < NAMES.size(); name++) {
                names.set(name, matches(words(pattern), words(NAMES.get(name))));
            }
            matched.add(names);
        }
        for (int one = 0; one < PATTERNS.size(); one++) {
            for (int other = 0; other < PATTERNS.size(); other++) {
                boolean intersects =
                        new QueuePattern(PATTERNS.get(one)).intersects(new QueuePattern(PATTERNS.get(other)));
                assertThat(intersects)
                        .as("%s and %s", PATTERNS.get(one), PATTERNS.get(other))
                        .isEqualTo(matched.get(one).intersects(matched.get(other)));
            }
        }
    }

    @Test
    void patterns_do_not_intersect_where_every_common_name_would_be_too_long_or_none() {
        String half = "x".repeat(62);
        assertThat(new QueuePattern(half + ".#").intersects(new QueuePattern("#." + half.replace('x', 'y'))))
                .isTrue();
        assertThat(new QueuePattern(half + "xxx.#").intersects(new QueuePattern("#." + half.replace('x', 'y'))))
                .isFalse();
        assertThat(new QueuePattern("*._b").intersects(new QueuePattern("#._b")))
                .isTrue();
        assertThat(new QueuePattern("#._b").intersects(new QueuePattern("*")))
                .as("no name begins with _")
                .isFalse();
    }

    @Test
    void word_that_mixes_or_a_first_word_that_no_name_has_is_refused() {
        for (String wrong :
                List.of("a*", "tenant.a*.mail", "tenant.##", "_x.#", ".#", "a b.*", "x".repeat(126) + ".#")) {
            assertThatThrownBy(() -> Limits.requireQueueOrPattern("queue", wrong))
                    .as(wrong)
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("queue")
                    .hasMessageContaining("1 to 127");
        }
        for (String right : List.of("#", "*", "tenant.*.mail", "#._b", "a..#", "x".repeat(125) + ".#", "plain")) {
            assertThat(Limits.requireQueueOrPattern("queue", right)).isEqualTo(right);
        }
    }

    private static boolean matches(List<String> pattern, List<String> name) {
        if (pattern.isEmpty()) {
            return name.isEmpty();
        }
        List<String> rest = pattern.subList(1, pattern.size());
        if (pattern.get(0).equals("#")) {
            return matches(rest, name) || !name.isEmpty() && matches(pattern, name.subList(1, name.size()));
        }
        return !name.isEmpty()
                && (pattern.get(0).equals("*") || pattern.get(0).equals(name.get(0)))
                && matches(rest, name.subList(1, name.size()));
    }

    private static List<String> words(String text) {
        return List.of(text.split("\\.", -1));
    }

    private static List<String> sentences(List<String> words, int most, Predicate<String> isValid) {
        List<String> all = new ArrayList<>();
        List<String> last = words;
        for (int length = 1; length <= most; length++) {
            all.addAll(last);
            List<String> longer = new ArrayList<>();
            last.forEach(sentence -> words.forEach(word -> longer.add(sentence + "." + word)));
            last = longer;
        }
        return all.stream().filter(isValid).toList();
    }
}
