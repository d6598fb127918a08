package io.postroom.rest;

import io.postroom.api.Limits;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;

/**
 * Reads the text of a JSON request, or refuses it: other content types, compressed ones (which would have to be unpacked to know their
 * size), more than {@link #LONGEST} bytes, bytes that are not UTF-8.
 *
 * <p>A body that is too long is read and dropped within the limits of {@link UnreadBody}. Memory does not grow with it, and the client can
 * send all of it and read the answer; otherwise its connection would be reset. (Tomcat announces {@code Connection: close} with a 413,
 * whatever was read.)
 */
final class RequestBody {
    /** Size of the longest payload in Base64, and everything around it. */
    static final int LONGEST = Limits.PAYLOAD_BYTES / 2 * 3;

    /** Longest time for a whole body. A client that sends a byte now and then would hold a thread; Tomcat's own limit is per read. */
    private static final long PATIENCE_NANOS = Duration.ofSeconds(60).toNanos();

    private static final int PIECE = 8 * 1024;

    private final HttpServletRequest request;
    private final int longest;
    private final long start = System.nanoTime();

    private RequestBody(HttpServletRequest request, int longest) {
        this.request = request;
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
        try {
            check.run();
            requirePlain(request.getHeader("Content-Encoding"));
            return form.apply(new RequestBody(request, longest).read());
        } catch (ProblemException refused) {
            UnreadBody.drop(request);
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
        long declared = request.getContentLengthLong();
        if (declared > longest) {
            throw tooLarge();
        }
        // A byte more than allowed shows that the body is too long. What was declared is no reason to take memory
        // before it comes.
        int most = declared >= 0 ? (int) declared : longest + 1;
        byte[] bytes = new byte[grown(0, most)];
        InputStream in = request.getInputStream();
        int length = 0;
        for (int count; (count = next(in, bytes, length)) >= 0; ) {
            length += count;
            if (length > longest) {
                throw tooLarge();
            }
            if (length == most) {
                break;
            }
            if (length == bytes.length) {
                bytes = Arrays.copyOf(bytes, grown(length, most));
            }
        }
        return length == bytes.length ? bytes : Arrays.copyOf(bytes, length);
    }

    private int grown(int capacity, int most) {
        int more = Math.min(Math.max(capacity, PIECE), most - capacity);
        BodyBudget.take(request, more);
        return capacity + more;
    }

    private ProblemException tooLarge() {
        return new ProblemException(Problem.tooLarge("request", longest));
    }

    private int next(InputStream in, byte[] bytes, int from) throws IOException {
        if (System.nanoTime() - start > PATIENCE_NANOS) {
            throw new SocketTimeoutException("the body did not arrive within " + Duration.ofNanos(PATIENCE_NANOS));
        }
        return bytes.length == 0 ? -1 : in.read(bytes, from, bytes.length - from);
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
