package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MailAddressTest {
    private static final String LOCAL_64 = "a".repeat(64);
    private static final String DOMAIN_255 =
            "b".repeat(63) + "." + "c".repeat(63) + "." + "d".repeat(63) + "." + "e".repeat(63);

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ann@example.org                     |           | ann@example.org",
                "ann.lee+tickets@mail.example.org    |           | ann.lee+tickets@mail.example.org",
                "root@localhost                      |           | root@localhost",
                "Ann Lee <ann@example.org>           | Ann Lee   | ann@example.org",
                "\"Lee, Ann\" <ann@example.org>      | Lee, Ann  | ann@example.org",
                "<ann@example.org>                   |           | ann@example.org",
                "Анна Петрова <anna@пример.рф>       | Анна Петрова | anna@xn--e1afmkfd.xn--p1ai",
                "ann@bücher.example                  |           | ann@xn--bcher-kva.example",
                "ann@瘍瘊.example                    |           | ann@xn--ztyf.example",
                "Ann@EXAMPLE.org                     |           | Ann@example.org",
                "ann@BÜCHER.Example                  |           | ann@xn--bcher-kva.example",
                "ann@XN--bcher-KVA.example           |           | ann@xn--bcher-kva.example",
                "\"Ann \\\"Lu\\\" \\\\ Lee\" <ann@example.org> | Ann \"Lu\" \\ Lee | ann@example.org",
                "\" Ann \" <ann@example.org>          | Ann       | ann@example.org",
            })
    void one_mailbox_is_read(String text, String name, String address) {
        MailAddress read = MailAddress.parse("to", text);

        assertThat(read.name()).isEqualTo(name == null ? "" : name);
        assertThat(read.address()).isEqualTo(address);
        assertThat(SingleLineText.isAscii(read.address())).isTrue();
    }

    /** To IDNA2003, which the JDK knows, the first four are strasse.example, βόλοσ.example, نامهای.example and क्ष.example. */
    @ParameterizedTest
    @CsvSource({
        "straße.example, xn--strae-oqa.example",
        "βόλος.example, xn--nxasmm1c.example",
        "نامه\u200Cای.example, xn--mgba3gch31f060k.example",
        "क्\u200Dष.example, xn--11b2ezcw70k.example",
        "STRAßE.example, xn--strae-oqa.example",
        "strasse.example, strasse.example",
    })
    void a_domain_is_the_one_that_IDNA2008_means(String domain, String ascii) {
        assertThat(MailAddress.parse("to", "ann@" + domain).domain()).isEqualTo(ascii);
        assertThat(MailSettings.defaults().domain(domain).effectiveDomain()).isEqualTo(ascii);
    }

    /** A joiner between Latin letters, a letter of both directions, a leading combining mark. */
    @ParameterizedTest
    @ValueSource(strings = {"a\u200Db.example", "a\u200Cb.example", "aא.example", "\u0301a.example", "a_ü.example"})
    void a_domain_that_IDNA2008_does_not_allow_is_refused_with_the_reason(String domain) {
        assertRefused("ann@" + domain);
        assertThatThrownBy(() -> MailAddress.parse("to", "ann@" + domain))
                .hasMessageContaining("IDNA2008 does not allow the domain: ");
        assertThatThrownBy(() -> MailSettings.defaults().domain(domain))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("IDNA2008 does not allow the domain: ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "Ann Lee",
                "Lee, Ann",
                "Ann \"Lu\" Lee",
                "\"",
                "\\",
                "ends with \\",
                "<ann@example.org>",
                "a@b, c@d",
                "Анна; (Петрова)",
                "  blanks  within  ",
                "=?UTF-8?Q?hi?=",
            })
    void the_text_of_an_address_is_read_as_the_same_address(String name) {
        MailAddress address = new MailAddress(name, "ann@example.org");

        assertThat(MailAddress.parse("to", address.toString())).isEqualTo(address);
    }

    @Test
    void the_longest_name_of_quotes_is_read_back() {
        MailAddress address = new MailAddress("\"".repeat(MailAddress.NAME_LENGTH), LOCAL_64 + "@" + DOMAIN_255);

        assertThat(MailAddress.parse("to", address.toString())).isEqualTo(address);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "Lee, Ann <ann@example.org>          | stands in double quotes as a whole",
                "Ann \"Lu\" Lee <ann@example.org>    | stands in double quotes as a whole",
                "\"Ann\" Lee <ann@example.org>       | is quoted as a whole",
                "\"Ann \"Lu\" Lee\" <ann@example.org> | with \\\" for a quote in it",
                "\"Ann\\\" <ann@example.org>         | and \\\\ for a backslash",
            })
    void a_name_that_is_not_quoted_as_it_must_be_is_refused_with_the_rule(String text, String rule) {
        assertRefused(text);
        assertThatThrownBy(() -> MailAddress.parse("to", text)).hasMessageContaining(rule);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                // lists and groups
                "a@example.org, b@example.org",
                "a@example.org,b@example.org",
                "a@example.org;b@example.org",
                "a@example.org b@example.org",
                "<a@example.org>, <b@example.org>",
                "A <a@example.org>, B <b@example.org>",
                "friends: a@example.org, b@example.org;",
                "friends:;",
                // what RFC 5322 allows and we do not
                "\"ann lee\"@example.org",
                "ann(comment)@example.org",
                "ann@[127.0.0.1]",
                "<@relay.example.org:ann@example.org>",
                // not addresses
                "",
                " ",
                "ann",
                "@example.org",
                "ann@",
                "ann@@example.org",
                "ann@example@example.org",
                ".ann@example.org",
                "ann.@example.org",
                "a..n@example.org",
                "ann@example..org",
                "ann@.example.org",
                "ann@example.org.",
                "ann@-example.org",
                "ann@exam_ple.org",
                "ann@127.0.0.1",
                "ann@example.org>",
                "<ann@example.org",
                "Ann <ann@example.org> Lee",
                "Ann < ann@example.org>",
                // U+2100 becomes "a/c", U+FF20 an at sign, when a domain is made ASCII
                "ann@\u2100.example",
                "ann@x\uFF20example.org",
            })
    void anything_but_one_plain_mailbox_is_refused(String text) {
        assertRefused(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ann\r@example.org",
                "ann\n@example.org",
                "ann@example.org\r\nRCPT TO:<eve@example.org>",
                "Ann\r\nBcc: eve@example.org <ann@example.org>",
                "Ann\u0085 <ann@example.org>",
                "Ann\u2028 <ann@example.org>",
                "Ann\u2029 <ann@example.org>",
                "Ann\u0000 <ann@example.org>",
                "Ann\uD83D <ann@example.org>",
                "ann\u0085@example.org",
                "ann\u2028@example.org",
                // their low bytes are CR and LF, see CVE-2025-7962
                "ann\u760D\u760ARCPT@example.org",
                "ann\u760D@example.org",
                "\u760Aann@example.org",
                "änn@example.org",
            })
    void no_line_end_gets_through_in_any_disguise(String text) {
        assertRefused(text);
        assertThatThrownBy(() -> new MailAddress("", text)).isInstanceOf(InvalidMessageException.class);
    }

    @Test
    void local_part_domain_and_name_have_their_limits() {
        assertThat(MailAddress.parse("to", LOCAL_64 + "@" + DOMAIN_255).address())
                .hasSize(MailAddress.LENGTH);

        assertRefused("a" + LOCAL_64 + "@example.org");
        assertRefused("ann@" + "f".repeat(64) + ".example.org");
        assertRefused("ann@x." + DOMAIN_255);
        assertRefused("a@" + "b.".repeat(200) + "c");
        assertRefused("n".repeat(MailAddress.NAME_LENGTH + 1) + " <ann@example.org>");
        assertRefused("a@b".repeat(10_000));
    }

    @Test
    void the_refusal_names_field_and_limit_and_shows_the_value() {
        assertThatThrownBy(() -> MailAddress.parse("cc", "a@example.org, b@example.org"))
                .isInstanceOfSatisfying(InvalidMessageException.class, e -> {
                    assertThat(e.field()).isEqualTo("cc");
                    assertThat(e.limit()).startsWith("one mailbox");
                })
                .hasMessageContaining("a@example.org, b@example.org");
    }

    private static void assertRefused(String text) {
        assertThatThrownBy(() -> MailAddress.parse("to", text))
                .isInstanceOfSatisfying(
                        InvalidMessageException.class,
                        e -> assertThat(e.field()).isEqualTo("to"));
    }
}
