package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.mock.web.MockHttpServletRequest;

/** Forms as strangers may send them. */
class PatientFormTest {
    private static final Duration ENOUGH = Duration.ofMinutes(1);

    @Test
    void parameters_of_the_address_come_before_those_of_the_form() {
        HttpServletRequest form = form("a=3&b=x%20y&c=z+%C3%A9&d&a=4", "a=1&a=2");
        assertThat(form.getParameterValues("a")).containsExactly("1", "2", "3", "4");
        assertThat(form.getParameter("a")).isEqualTo("1");
        assertThat(form.getParameter("b")).isEqualTo("x y");
        assertThat(form.getParameter("c")).isEqualTo("z \u00e9");
        assertThat(form.getParameter("d")).isEmpty();
        assertThat(form.getParameter("none")).isNull();
        assertThat(Collections.list(form.getParameterNames())).containsExactly("a", "b", "c", "d");
    }

    @Test
    void form_that_drips_has_an_end() {
        DrippingRequest dripping = new DrippingRequest();
        HttpServletRequest form = PatientForm.of(dripping, Duration.ZERO);
        assertThatThrownBy(() -> form.getParameter("a"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("within");
        assertThat(dripping.given).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a=%zz", "a=%f", "a=50%"})
    void malformed_form_is_refused(String text) {
        assertThatThrownBy(() -> form(text, null).getParameterMap())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("percent sign");
    }

    @Test
    void long_forms_are_refused() {
        assertThatThrownBy(() -> form("a=" + "x".repeat(65_535), null).getParameterMap())
                .hasMessageContaining("65536 bytes");
        assertThatThrownBy(() -> form("a&".repeat(1001), null).getParameterMap())
                .hasMessageContaining("1000 parameters");
        assertThat(form("a=" + "x".repeat(65_534), null).getParameter("a")).hasSize(65_534);
    }

    @Test
    void other_requests_are_left_as_they_are() {
        MockHttpServletRequest json = new MockHttpServletRequest("POST", "/api/v1/messages");
        json.setContentType("application/json");
        assertThat(PatientForm.of(json, ENOUGH)).isSameAs(json);
        MockHttpServletRequest get = new MockHttpServletRequest("GET", "/");
        assertThat(PatientForm.of(get, ENOUGH)).isSameAs(get);
    }

    private static HttpServletRequest form(String body, @Nullable String query) {
        MockHttpServletRequest request = new MockHttpServletRequest("POST", "/console/login");
        request.setContentType("application/x-www-form-urlencoded; charset=UTF-8");
        request.setContent(body.getBytes(StandardCharsets.UTF_8));
        request.setQueryString(query);
        return PatientForm.of(request, ENOUGH);
    }

    /** Gives one byte at a time, for ever. */
    private static final class DrippingRequest extends MockHttpServletRequest {
        private int given;

        DrippingRequest() {
            super("POST", "/console/login");
            setContentType("application/x-www-form-urlencoded");
        }

        @Override
        public ServletInputStream getInputStream() {
            return new ServletInputStream() {
                @Override
                public int read() {
                    given++;
                    return 'a';
                }

                @Override
                public int read(byte[] into, int from, int length) {
                    into[from] = (byte) read();
                    return 1;
                }

                @Override
                public boolean isFinished() {
                    return false;
                }

                @Override
                public boolean isReady() {
                    return true;
                }

                @Override
                public void setReadListener(ReadListener listener) {
                    throw new UnsupportedOperationException();
                }
            };
        }
    }
}
