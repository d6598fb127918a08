package io.postroom.channel.http;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Signs a body together with the time, so that a receiver can tell whose it is, and refuse one that is old. */
final class RequestSigner {
    static final String TIMESTAMP = "Postroom-Timestamp";
    static final String SIGNATURE = "Postroom-Signature";

    private RequestSigner() {}

    /**
     * Returns {@code v1=} and the hexadecimal HMAC-SHA256 of the seconds, a dot and the body.
     *
     * @param seconds since 1970
     */
    static String sign(String secret, long seconds, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            mac.update((seconds + ".").getBytes(StandardCharsets.US_ASCII));
            return "v1=" + HexFormat.of().formatHex(mac.doFinal(body));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible); // every Java has it
        }
    }
}
