package io.postroom.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.internal.access.FailedTokens;
import jakarta.servlet.http.Cookie;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.mock.web.MockHttpServletRequest;

/** The parts of the console that need no server. */
class ConsolePartsTest {
    private static final String TOKEN = "0123456789abcdef";

    private final AtomicLong nanos = new AtomicLong();

    private void pass(Duration time) {
        nanos.addAndGet(time.toNanos());
    }

    @Test
    void html_escapes_and_shows_what_cannot_be_seen() {
        String written = new Html()
                .open("p", "title", "a\"b'<&", "hidden", null)
                .text("<&>\u0000\u202E\uD800 \uD83D\uDE00")
                .finish();
        assertThat(written)
                .contains("<p title=\"a&quot;b&#39;&lt;&amp;\">&lt;&amp;&gt;\\u0000\\u202e\\ud800 \uD83D\uDE00</p>");
    }

    @ParameterizedTest
    @CsvSource({
        "card.number,card.number,true",
        "card.number,card.name,false",
        "card.number,number,false",
        "card,card.number,false",
        "*.password,user.password,true",
        "*.password,a.user.password,false",
        "**.password,a.user.password,true",
        "**.password,password,true",
        "a.**,a.b.c,true",
        "a.**,b.c,false"
    })
    void masked_path_means_a_member(String masked, String path, boolean hides) {
        assertThat(MaskedFields.of(List.of(masked)).hides(List.of(path.split("\\."))))
                .isEqualTo(hides);
    }

    @Test
    void masked_path_with_an_empty_part_is_refused() {
        assertThatThrownBy(() -> MaskedFields.of(List.of("a..b")))
                .isInstanceOf(ConsoleProblem.class)
                .hasMessageContaining("masked-fields");
    }

    @ParameterizedTest
    @CsvSource({"/", "console", "/console/", "/a b", "/../x", "'/{x}'"})
    void path_that_is_none_is_refused(String path) {
        assertThatThrownBy(
                        () -> new ConsoleProperties(true, path, false, ConsoleProperties.SecureCookies.AUTO, List.of()))
                .isInstanceOf(ConsoleProblem.class)
                .hasMessageContaining("postroom.console.path");
    }

    @Test
    void page_token_belongs_to_its_filter() {
        String token = PageToken.write("9.17", "/messages", "orders");
        assertThat(PageToken.read(token, "/messages", "orders")).isEqualTo("9.17");
        assertThat(PageToken.read("", "/messages")).isNull();
        assertThatThrownBy(() -> PageToken.read(token, "/messages", "mails"))
                .isInstanceOf(InvalidMessageException.class);
        assertThatThrownBy(() -> PageToken.read("%", "/messages")).isInstanceOf(InvalidMessageException.class);
    }

    @Test
    void logins_from_one_address_are_slowed_down_and_forgotten() {
        FailedTokens throttle = new FailedTokens(nanos::get);
        for (int i = 0; i < 3; i++) {
            assertThat(throttle.failed("2001:db8::" + i)).isEmpty();
        }
        assertThat(throttle.failed("2001:db8::9")).as("the same network").hasValue(Duration.ofSeconds(1));
        assertThat(throttle.failed("192.0.2.1")).isEmpty();
        pass(Duration.ofSeconds(1));
        assertThat(throttle.failed("2001:db8::1")).isEmpty();
        assertThat(throttle.failed("2001:db8::1")).hasValue(Duration.ofSeconds(2));
        pass(Duration.ofMinutes(16));
        assertThat(throttle.failed("2001:db8::1")).isEmpty();
        assertThat(throttle.failed("2001:db8::1")).isEmpty();
        throttle.succeeded("2001:db8::1");
        assertThat(throttle.failed("2001:db8::1")).isEmpty();
    }

    @Test
    void waits_between_logins_grow_to_five_minutes() {
        FailedTokens throttle = new FailedTokens(nanos::get);
        Duration wait = Duration.ZERO;
        for (int i = 0; i < 40; i++) {
            throttle.failed("192.0.2.1");
            wait = throttle.failed("192.0.2.1").orElse(Duration.ZERO);
            pass(wait);
        }
        assertThat(wait).isEqualTo(Duration.ofMinutes(5));
    }

    @Test
    void session_ends_after_its_life_and_at_most_a_thousand_are_open() {
        TokenLogin login = new TokenLogin(TOKEN, nanos::get);
        String first = login.login("192.0.2.1", TOKEN, "ann").cookie().orElseThrow();
        assertThat(login.user(request(first))).hasValue(ConsoleUser.operator("ann"));
        pass(TokenLogin.LIFE.minusNanos(1));
        assertThat(login.user(request(first))).isPresent();
        pass(Duration.ofNanos(1));
        assertThat(login.user(request(first))).isEmpty();
        String oldest = login.login("192.0.2.1", TOKEN, "").cookie().orElseThrow();
        for (int i = 0; i < 1_000; i++) {
            login.login("192.0.2.1", TOKEN, "");
        }
        assertThat(login.user(request(oldest))).isEmpty();
    }

    /** Logging in again and again must not end the sessions of others. */
    @Test
    void token_of_one_holder_has_twenty_sessions_and_ends_its_own_oldest() {
        TokenLogin login = new TokenLogin(HOLDERS, nanos::get);
        String others = login.login("192.0.2.1", "operator", "").cookie().orElseThrow();
        String first = login.login("192.0.2.2", "reader", "").cookie().orElseThrow();
        String second = login.login("192.0.2.2", "reader", "").cookie().orElseThrow();
        for (int i = 0; i < 18; i++) {
            login.login("192.0.2.2", "reader", "");
        }
        assertThat(login.user(request(first))).isPresent();
        login.login("192.0.2.2", "reader", "");
        assertThat(login.user(request(first))).isEmpty();
        assertThat(login.user(request(second))).isPresent();
        for (int i = 0; i < 1_000; i++) {
            login.login("192.0.2.2", "reader", "");
        }
        assertThat(login.user(request(others))).hasValue(ConsoleUser.operator("operator"));
        for (int i = 0; i < 1_000; i++) {
            login.login("192.0.2.3", "shared", "ann");
        }
        assertThat(login.user(request(others))).hasValue(ConsoleUser.operator("operator"));
    }

    @Test
    void token_that_may_not_read_gets_no_session() {
        TokenLogin login = new TokenLogin(HOLDERS, nanos::get);
        TokenLogin.Login refused = login.login("192.0.2.1", "producer", "");
        assertThat(refused.cookie()).isEmpty();
        assertThat(refused.pause()).isEmpty();
        assertThat(refused.isKnown()).isTrue();
        assertThat(login.login("192.0.2.1", "nobody's", "").isKnown()).isFalse();
    }

    /** Tokens that are named like their roles. */
    private static final TokenCheck HOLDERS = new TokenCheck() {
        private final Map<String, ConsoleUser> users = Map.of(
                "reader", ConsoleUser.reader("reader"),
                "operator", ConsoleUser.operator("operator"),
                "shared", ConsoleUser.operator("shared"),
                "producer", new ConsoleUser("producer", false, false));

        @Override
        public Optional<Holder> find(String token) {
            return Optional.ofNullable(users.get(token))
                    .map(user -> new Holder(user, token.equals("shared"), () -> true));
        }

        @Override
        public Optional<Duration> failed(String address) {
            return Optional.empty();
        }

        @Override
        public void succeeded(String address) {}
    };

    @Test
    void wrong_tokens_of_programs_count_and_the_right_one_always_comes_in() {
        TokenLogin login = new TokenLogin(TOKEN, nanos::get);
        for (int i = 0; i < 3; i++) {
            assertThat(login.user(bearer("0123456789abcdeX"))).isEmpty();
        }
        assertThat(login.login("127.0.0.1", "0123456789abcdeX", "").pause()).hasValue(Duration.ofSeconds(1));
        assertThat(login.user(bearer(TOKEN))).isPresent();
        assertThat(login.login("127.0.0.1", TOKEN, "").cookie()).isPresent();
        assertThat(login.login("127.0.0.1", "0123456789abcdeX", "").pause())
                .as("forgotten")
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"auto,true,true", "auto,false,false", "true,false,true", "false,true,false"})
    void cookies_are_secure_as_the_request_or_the_setting_says(String setting, boolean https, boolean isSecure) {
        ConsoleProperties properties = new Binder(
                        new MapConfigurationPropertySource(Map.of("postroom.console.secure-cookies", setting)))
                .bind("postroom.console", ConsoleProperties.class)
                .get();
        ConsoleGuard guard =
                new ConsoleGuard(ConsoleAccess.open(), properties.path(), properties.secureCookies(), false);
        MockHttpServletRequest request = new MockHttpServletRequest();
        request.setSecure(https);
        assertThat(guard.cookie(request, "name", "value").build().isSecure()).isEqualTo(isSecure);
    }

    private static MockHttpServletRequest bearer(String token) {
        MockHttpServletRequest request = new MockHttpServletRequest();
        request.addHeader("Authorization", "Bearer " + token);
        return request;
    }

    private static MockHttpServletRequest request(String cookie) {
        MockHttpServletRequest request = new MockHttpServletRequest();
        request.setCookies(new Cookie(TokenLogin.COOKIE, cookie));
        return request;
    }
}
