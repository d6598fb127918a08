package io.postroom.rest;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Reads {@code application/x-www-form-urlencoded} in UTF-8: forms, and what stands behind a question mark. */
public final class UrlEncoded {
    private UrlEncoded() {}

    /**
     * Hands out names and values in their order. A name without an equals sign has an empty value; an empty pair is passed over.
     *
     * @param text null: nothing
     * @throws IllegalArgumentException a percent sign is not followed by two digits of hex
     */
    public static void read(@Nullable String text, BiConsumer<String, String> taker) {
        for (String pair : text == null ? new String[0] : text.split("&")) {
            if (!pair.isEmpty()) {
                int sign = pair.indexOf('=');
                taker.accept(
                        decoded(sign < 0 ? pair : pair.substring(0, sign)),
                        sign < 0 ? "" : decoded(pair.substring(sign + 1)));
            }
        }
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }
}
