package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MailTemplatesTest {
    private final MailTemplates templates = MailTemplates.inFolder("io/postroom/channel/mail");

    @Test
    void a_pair_of_templates_makes_both_bodies() {
        MailTemplates.Bodies bodies = templates.render("greeting", Map.of("name", "Анна", "order", "A-17"));

        assertThat(bodies.text()).isEqualTo("Dear Анна, your order A-17.\n");
        assertThat(bodies.html()).isEqualTo("<p>Dear <b>Анна</b>, your order A-17.</p>\n");
    }

    @Test
    void what_a_customer_is_called_is_text_and_never_markup_or_an_expression() {
        String evil = "<script>alert(1)</script> ${7*7} [[${7*7}]] __${7*7}__ ~{greeting}";

        MailTemplates.Bodies bodies = templates.render("greeting", Map.of("name", evil, "order", evil));

        assertThat(bodies.text()).contains(evil);
        assertThat(bodies.html())
                .doesNotContain("<script>")
                .doesNotContain("49")
                .contains("&lt;script&gt;");
    }

    @Test
    void a_decimal_of_the_model_is_shown_without_an_exponent() {
        Map<String, Object> model = Map.of("name", new BigDecimal("2.0E+7"), "order", new BigDecimal("0.00000001"));

        assertThat(templates.render("greeting", model).text()).isEqualTo("Dear 20000000, your order 0.00000001.\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "../mail/greeting",
                "/greeting",
                "greeting.txt",
                "greeting :: b",
                "~{greeting}",
                "${7*7}",
                "__${7*7}__",
                "http://example.org/x",
                "gre\neting"
            })
    void a_template_is_named_by_a_plain_name(String name) {
        assertThatThrownBy(() -> templates.render(name, Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("A template is named by");
    }

    @Test
    void a_template_cannot_include_what_lies_outside_its_folder() {
        assertThatThrownBy(() -> templates.render("prying", Map.of()))
                .hasStackTraceContaining("A template is named by")
                .hasStackTraceContaining("logback-test");
    }

    @Test
    void a_missing_template_is_said_by_name() {
        assertThatThrownBy(() -> templates.render("absent", Map.of()))
                .hasStackTraceContaining("io/postroom/channel/mail/absent.txt");
    }
}
