package io.postroom.channel.http;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * A request that came in.
 *
 * @param body as it came, byte for byte
 * @param contentType the header Content-Type, if there is one
 * @param headers answers all values of the header of this name, whatever its case; an empty list: there is none
 */
public record WebhookRequest(byte[] body, Optional<String> contentType, Function<String, List<String>> headers) {

    /** Answers the value of a header that is given once and has characters; empty otherwise. */
    Optional<String> single(String name) {
        List<String> values = headers.apply(name);
        return values.size() == 1
                ? Optional.of(values.get(0).strip()).filter(value -> !value.isEmpty())
                : Optional.empty();
    }
}
