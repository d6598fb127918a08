package io.postroom.channel.http;

import io.postroom.api.Outcome;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What came of a call.
 *
 * @param status of the answer; empty: none came
 * @param headers of the answer, names in lower case; of several with one name the first. The secret is masked
 * @param body of the answer as UTF-8, cut at the property {@code maxResponse} of the entry. The secret is masked
 * @param outcome what a handler answers for it; of a success with a note by the property {@code keepAnswer}
 */
public record HttpAnswer(Optional<Integer> status, Map<String, String> headers, String body, Outcome outcome) {
    public HttpAnswer {
        headers = Map.copyOf(headers);
    }

    static HttpAnswer none(Outcome outcome) {
        return new HttpAnswer(Optional.empty(), Map.of(), "", outcome);
    }

    /** Whether the status is 2xx. */
    public boolean isSuccess() {
        return status.isPresent() && status.get() / 100 == 2;
    }

    /** The first header of this name, in any case. */
    public Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name.toLowerCase(Locale.ROOT)));
    }
}
