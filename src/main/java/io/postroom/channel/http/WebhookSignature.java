package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How a sender signs its requests. Where the entry names no header for the signature, all defaults are those of the HTTP sender. So one
 * Postroom receives from another with the secret alone. Where it names one, they are those of most senders: the HMAC of the body.
 *
 * @param algorithm by its name in Java
 * @param prefix before each signature in the header; may be empty
 * @param timestampHeader empty: the sender signs no time, and a request that was listened to can be sent again
 * @param maxAge of the time, to both sides: clocks differ
 * @param isStripe whether time and signatures stand in one header, as in {@code t=1777629600,v1=897a8d,v1=5b0c11}
 */
record WebhookSignature(
        String algorithm,
        String header,
        String prefix,
        boolean isBase64,
        boolean isKeyBase64,
        Optional<String> timestampHeader,
        Duration maxAge,
        SignedText signed,
        boolean isStripe) {
    private static final Duration LONGEST_AGE = Duration.ofDays(1);
    /** Signatures in one request: senders that change their secret send two. */
    private static final int MOST_SIGNATURES = 10;

    static final String SCHEME = "signatureScheme";

    private static final String STRIPE = "stripe";
    private static final String STRIPE_HEADER = "Stripe-Signature";
    private static final String STRIPE_TIMESTAMP = "t=";
    private static final String STRIPE_SIGNATURE = "v1=";
    /** What that scheme says itself. */
    private static final List<String> SAID_BY_STRIPE =
            List.of("algorithm", "signaturePrefix", "signatureEncoding", "timestampHeader", "signed");

    /** @throws InvalidMessageException a property breaks a limit, or two do not fit together */
    static WebhookSignature of(EntryProperties given, boolean hasId) {
        if (given.oneOf(SCHEME, "headers", List.of("headers", STRIPE)).equals(STRIPE)) {
            return ofStripe(given);
        }
        boolean isOwn = !given.given().containsKey("signatureHeader");
        Optional<String> timestampHeader =
                given.optionalHeader("timestampHeader", isOwn ? RequestSigner.TIMESTAMP : "");
        String otherwise = timestampHeader.isPresent() ? "{timestamp}.{body}" : SignedText.BODY;
        SignedText signed = SignedText.of(given.text("signed", otherwise));
        if (signed.has(SignedText.TIMESTAMP) != timestampHeader.isPresent()) {
            throw new InvalidMessageException(
                    SignedText.FIELD,
                    timestampHeader.isPresent()
                            ? "with {timestamp}, because a time that is not signed proves nothing"
                            : "without {timestamp}, unless properties.timestampHeader is given",
                    given.text("signed", otherwise));
        } else if (signed.has(SignedText.ID) && !hasId) {
            throw new InvalidMessageException(
                    SignedText.FIELD,
                    "without {id}, unless properties.deduplicationHeader is given",
                    given.text("signed", otherwise));
        }
        return new WebhookSignature(
                "Hmac"
                        + given.oneOf("algorithm", "HMAC-SHA256", List.of("HMAC-SHA256", "HMAC-SHA512"))
                                .substring("HMAC-".length()),
                given.anyHeader("signatureHeader", RequestSigner.SIGNATURE),
                given.text("signaturePrefix", isOwn ? RequestSigner.PREFIX : ""),
                given.oneOf("signatureEncoding", "hex", List.of("hex", "base64"))
                        .equals("base64"),
                given.oneOf("secretEncoding", "text", List.of("text", "base64")).equals("base64"),
                timestampHeader,
                given.time("maxAge", Duration.ofMinutes(5), LONGEST_AGE),
                signed,
                false);
    }

    private static WebhookSignature ofStripe(EntryProperties given) {
        for (String property : SAID_BY_STRIPE) {
            if (given.given().containsKey(property)) {
                throw new InvalidMessageException(
                        "properties." + property,
                        "left out: properties." + SCHEME + "=" + STRIPE + " says it",
                        given.text(property, ""));
            }
        }
        return new WebhookSignature(
                "HmacSHA256",
                given.anyHeader("signatureHeader", STRIPE_HEADER),
                STRIPE_SIGNATURE,
                false,
                given.oneOf("secretEncoding", "text", List.of("text", "base64")).equals("base64"),
                Optional.empty(),
                given.time("maxAge", Duration.ofMinutes(5), LONGEST_AGE),
                SignedText.of("{timestamp}.{body}"),
                true);
    }

    /**
     * Says whether the sender knows the secret and has signed the request now. Several signatures are read, in one header with spaces
     * between them or in several; one of them must fit.
     *
     * @param id the sender's own for the delivery; empty: it has none
     * @throws InvalidMessageException the secret is not in the encoding of the entry; its text is not shown
     */
    boolean isOf(WebhookRequest request, String secret, String id, Instant now) {
        Optional<String> timestamp = isStripe ? stripeTimestamp(request) : timestampHeader.flatMap(request::single);
        if ((isStripe || timestampHeader.isPresent())
                && !timestamp.map(text -> isNear(text, now)).orElse(false)) {
            return false;
        }
        byte[] expected =
                RequestSigner.hmac(algorithm, key(secret), signed.bytes(timestamp.orElse(""), id, request.body()));
        boolean fits = false;
        for (String signature : signatures(request)) {
            fits |= MessageDigest.isEqual(expected, decoded(signature)); // takes the same time wherever they differ
        }
        return fits;
    }

    /** Empty: none, or several, of which only one can have been signed. */
    private Optional<String> stripeTimestamp(WebhookRequest request) {
        List<String> times = request.single(header).stream()
                .flatMap(this::parts)
                .filter(part -> part.startsWith(STRIPE_TIMESTAMP))
                .toList();
        return times.size() == 1 ? Optional.of(times.get(0).substring(STRIPE_TIMESTAMP.length())) : Optional.empty();
    }

    private Stream<String> parts(String value) {
        // No pattern for the blanks around a comma: it reads n blanks n² times, and this text is of a stranger.
        return isStripe
                ? Arrays.stream(value.split(",")).map(String::strip)
                : Arrays.stream(value.strip().split("\\s+"));
    }

    private List<String> signatures(WebhookRequest request) {
        return request.headers().apply(header).stream()
                .flatMap(this::parts)
                .filter(value -> value.startsWith(prefix))
                .map(value -> value.substring(prefix.length()))
                .limit(MOST_SIGNATURES)
                .toList();
    }

    private byte[] decoded(String signature) {
        try {
            return isBase64
                    ? Base64.getDecoder().decode(signature)
                    : HexFormat.of().parseHex(signature);
        } catch (IllegalArgumentException other) {
            return new byte[0];
        }
    }

    private byte[] key(String secret) {
        if (!isKeyBase64) {
            return secret.getBytes(StandardCharsets.UTF_8);
        }
        try {
            byte[] key = Base64.getDecoder().decode(secret.strip());
            if (key.length > 0) {
                return key;
            }
        } catch (IllegalArgumentException other) {
            // refused below: the error of the decoder shows a character of the secret
        }
        throw new InvalidMessageException("secret", "Base64, because properties.secretEncoding says so", "not shown");
    }

    private boolean isNear(String seconds, Instant now) {
        return seconds.matches("\\d{1,11}")
                && Duration.between(Instant.ofEpochSecond(Long.parseLong(seconds)), now)
                                .abs()
                                .compareTo(maxAge)
                        <= 0;
    }
}
