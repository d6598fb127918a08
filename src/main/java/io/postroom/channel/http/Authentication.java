package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * How the secret of an entry shows who sends.
 *
 * @param kind {@code none}: there is no secret
 * @param header that holds the secret, for {@code header}
 */
record Authentication(String kind, String header, String signatureHeader, String timestampHeader) {
    private static final String SIGNATURE = "signature";

    /** @throws InvalidMessageException there is a kind and no secret, or an unknown kind */
    static Authentication of(EntryProperties given, boolean hasSecret) {
        String kind = given.oneOf("auth", SIGNATURE, List.of(SIGNATURE, "bearer", "basic", "header"));
        if (!hasSecret && given.given().containsKey("auth")) {
            throw new InvalidMessageException("secret", "given, because properties.auth is " + kind, "");
        }
        return new Authentication(
                hasSecret ? kind : "none",
                given.header("authHeader", "X-Api-Key"),
                given.header("signatureHeader", RequestSigner.SIGNATURE),
                given.header("timestampHeader", RequestSigner.TIMESTAMP));
    }

    /**
     * Adds the headers.
     *
     * @param secret never shown, also not by the error
     * @throws InvalidMessageException the secret cannot stand in a header
     */
    void sign(Map<String, String> headers, String secret, byte[] body, long epochSecond) {
        switch (kind) {
            case SIGNATURE -> {
                headers.put(timestampHeader, String.valueOf(epochSecond));
                headers.put(signatureHeader, RequestSigner.sign(secret, epochSecond, body));
            }
            case "bearer" -> headers.put("Authorization", "Bearer " + requireLine(secret));
            case "basic" -> headers.put("Authorization", "Basic " + base64(secret));
            case "header" -> headers.put(header, requireLine(secret));
            default -> {}
        }
    }

    /** Takes the secret out of a text that a server sent back. */
    String masked(String text, String secret) {
        if (secret.isEmpty()) {
            return text;
        }
        String masked = text.replace(secret, "***").replace(base64(secret), "***");
        String password = secret.substring(secret.indexOf(':') + 1);
        return kind.equals("basic") && !password.isEmpty() ? masked.replace(password, "***") : masked;
    }

    private static String base64(String secret) {
        return Base64.getEncoder().encodeToString(secret.getBytes(StandardCharsets.UTF_8));
    }

    private static String requireLine(String secret) {
        if (!secret.chars().allMatch(c -> c >= ' ' && c < 0x7F)) {
            throw new InvalidMessageException("secret", "ASCII characters on one line", "not shown");
        }
        return secret;
    }
}
