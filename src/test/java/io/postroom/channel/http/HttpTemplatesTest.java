package io.postroom.channel.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.testing.HttpStub;
import java.math.BigDecimal;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Numbers of a payload in what the templates make of it. */
class HttpTemplatesTest {
    private static final Map<String, BigDecimal> NUMBERS = Map.of(
            "amount", new BigDecimal("20000000.00"),
            "rate", new BigDecimal("1234567890.123456789"),
            "fee", new BigDecimal("100.10"),
            "dust", new BigDecimal("0.00000001"),
            "round", new BigDecimal("2E+7"));

    private final HttpStub stub = new HttpStub();
    private final HttpSender sender = HttpSender.open();

    @AfterEach
    void close() {
        sender.close();
        stub.close();
    }

    private SettingsEntry entry() {
        return SettingsEntry.of("billing", "http").endpoint(stub.url()).property("allowPrivate", "true");
    }

    @Test
    void numbers_leave_in_json_with_all_their_digits() throws Exception {
        SettingsEntry entry = entry().template(
                        "body", "{\"a\": {amount}, \"r\": {rate}, \"f\": [{fee}], \"text\": \"{dust} {round}\"}");

        assertThat(sender.send(NUMBERS, CallContext.of(entry))).isEqualTo(Outcome.done());

        assertThat(stub.last().text())
                .isEqualTo("{\"a\": 20000000.00, \"r\": 1234567890.123456789, \"f\": [100.10],"
                        + " \"text\": \"0.00000001 20000000\"}");
    }

    @ParameterizedTest
    @CsvSource({"text/plain", "application/xml", "application/x-www-form-urlencoded"})
    void numbers_leave_in_another_form_and_in_the_path_without_an_exponent(String contentType) throws Exception {
        SettingsEntry entry = entry().property("contentType", contentType)
                .template("path", "/{round}/{fee}")
                .template("body", "{amount}_{rate}_{fee}_{dust}_{round}");

        assertThat(sender.send(NUMBERS, CallContext.of(entry))).isEqualTo(Outcome.done());

        assertThat(stub.last().path()).isEqualTo("/20000000/100.10");
        assertThat(stub.last().text()).isEqualTo("20000000.00_1234567890.123456789_100.10_0.00000001_20000000");
    }

    @Test
    void number_that_would_be_a_text_without_end_is_rejected() throws Exception {
        SettingsEntry entry = entry().property("contentType", "text/plain").template("body", "{amount}");
        for (String huge : new String[] {"1E+100000", "1E-100000"}) {
            assertThat(sender.send(Map.of("amount", new BigDecimal(huge)), CallContext.of(entry)))
                    .isInstanceOfSatisfying(
                            Outcome.Reject.class,
                            reject -> assertThat(reject.reason()).startsWith("payload.amount must be a number with"));
        }
        assertThat(stub.requests()).isEmpty();
    }
}
