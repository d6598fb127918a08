package io.postroom.rest;

import io.postroom.api.Limits;
import jakarta.servlet.http.HttpServletRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;

/**
 * Reads the text of a JSON request, or refuses it: other content types, compressed ones (which would have to be unpacked to know their
 * size), more than {@link #LONGEST} bytes, bytes that are not UTF-8.
 *
 * <p>A body that is too long is read to its end and dropped, up to {@link #DISCARDED} bytes. Memory does not grow with it, and the client
 * can send all of it and read the answer; otherwise its connection would be reset. (Tomcat announces {@code Connection: close} with a 413,
 * whatever was read.)
 */
final class RequestBody {
    /** Size of the longest payload in Base64, and everything around it. */
    static final int LONGEST = Limits.PAYLOAD_BYTES / 2 * 3;

    /** Bytes after which the connection is closed: nobody sends that much by mistake. */
    static final long DISCARDED = 64L * 1024 * 1024;

    /** Longest time for a whole body. A client that sends a byte now and then would hold a thread; Tomcat's own limit is per read. */
    private static final long PATIENCE_NANOS = Duration.ofSeconds(60).toNanos();

    private static final int PIECE = 8 * 1024;

    private final InputStream in;
    private final long declared;
    private final int longest;
    private final long start = System.nanoTime();
    private final byte[] piece = new byte[PIECE];

    private RequestBody(InputStream in, long declared, int longest) {
        this.in = in;
        this.declared = declared;
        this.longest = longest;
    }

    /**
     * @throws ProblemException if the request is refused
     * @throws IOException if the client is gone
     */
    static String read(HttpServletRequest request) throws IOException {
        return read(request, LONGEST);
    }

    /** @param longest most bytes of the body */
    static String read(HttpServletRequest request, int longest) throws IOException {
        return read(request, longest, () -> requireJson(request.getContentType()), RequestBody::decode);
    }

    /**
     * Reads bytes of any content type, as they come.
     *
     * @param longest most bytes of the body
     * @param check refuses the content type
     */
    static byte[] readBytes(HttpServletRequest request, int longest, Runnable check) throws IOException {
        return read(request, longest, check, bytes -> bytes);
    }

    private static <T> T read(HttpServletRequest request, int longest, Runnable check, Function<byte[], T> form)
            throws IOException {
        RequestBody body = new RequestBody(request.getInputStream(), request.getContentLengthLong(), longest);
        try {
            check.run();
            requirePlain(request.getHeader("Content-Encoding"));
            return form.apply(body.read());
        } catch (ProblemException refused) {
            body.discard();
            throw refused;
        }
    }

    private static void requireJson(@Nullable String contentType) {
        if (contentType == null) {
            throw unsupported("no Content-Type");
        }
        MediaType type;
        Charset charset;
        try {
            type = MediaType.parseMediaType(contentType);
            charset = type.getCharset();
        } catch (IllegalArgumentException unreadable) {
            throw unsupported("a Content-Type that cannot be read");
        }
        if (!type.equalsTypeAndSubtype(MediaType.APPLICATION_JSON)) {
            throw unsupported("Content-Type " + type.getType() + "/" + type.getSubtype());
        }
        if (charset != null && !charset.equals(StandardCharsets.UTF_8)) {
            throw unsupported("charset " + charset);
        }
    }

    private static void requirePlain(@Nullable String contentEncoding) {
        if (contentEncoding != null && !contentEncoding.strip().equalsIgnoreCase("identity")) {
            throw new ProblemException(
                    Problem.unwantedType("Send no Content-Encoding: compressed bodies are not taken"));
        }
    }

    private static ProblemException unsupported(String got) {
        return new ProblemException(Problem.unsupported("Send Content-Type: application/json in UTF-8 and no"
                + " Content-Encoding; got " + got.substring(0, Math.min(got.length(), 80))));
    }

    private byte[] read() throws IOException {
        if (declared > longest) {
            throw tooLarge();
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream(declared > 0 ? (int) declared : PIECE);
        for (int count; (count = next()) >= 0; ) {
            if (all.size() + count > longest) {
                throw tooLarge();
            }
            all.write(piece, 0, count);
        }
        return all.toByteArray();
    }

    private ProblemException tooLarge() {
        return new ProblemException(Problem.tooLarge("request", longest));
    }

    private void discard() throws IOException {
        long discarded = 0;
        for (int count; discarded < DISCARDED && (count = next()) >= 0; ) {
            discarded += count;
        }
    }

    private int next() throws IOException {
        if (System.nanoTime() - start > PATIENCE_NANOS) {
            throw new IOException("the request's body did not arrive within " + Duration.ofNanos(PATIENCE_NANOS));
        }
        return in.read(piece);
    }

    private static String decode(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException malformed) {
            throw new ProblemException(Problem.malformed("The body is not UTF-8"));
        }
    }
}
