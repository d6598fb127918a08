package io.postroom.channel.http;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Signs a body together with the time, so that a receiver can tell whose it is, and refuse one that is old. */
final class RequestSigner {
    static final String TIMESTAMP = "Postroom-Timestamp";
    static final String SIGNATURE = "Postroom-Signature";
    /** Stands before each signature, so that another way of signing can follow. */
    static final String PREFIX = "v1=";

    static final String HMAC_SHA256 = "HmacSHA256";

    private RequestSigner() {}

    /**
     * Returns {@code v1=} and the hexadecimal HMAC-SHA256 of the seconds, a dot and the body.
     *
     * @param seconds since 1970
     */
    static String sign(String secret, long seconds, byte[] body) {
        byte[] before = (seconds + ".").getBytes(StandardCharsets.US_ASCII);
        return PREFIX
                + HexFormat.of()
                        .formatHex(hmac(HMAC_SHA256, secret.getBytes(StandardCharsets.UTF_8), List.of(before, body)));
    }

    /**
     * Computes the HMAC of these parts, one behind the other.
     *
     * @param algorithm by its name in Java: HmacSHA256 or HmacSHA512
     * @param key at least one byte
     */
    static byte[] hmac(String algorithm, byte[] key, List<byte[]> parts) {
        try {
            Mac mac = Mac.getInstance(algorithm);
            mac.init(new SecretKeySpec(key, algorithm));
            parts.forEach(mac::update);
            return mac.doFinal();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible); // every Java has it
        }
    }
}
