package io.postroom.rest;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.Semaphore;

/**
 * Reads and drops what a client still sends of a body that is refused. A client that sends first and reads then would find its connection
 * reset instead of the answer.
 *
 * <p>That costs a thread, so it is done on at most {@link #MOST_THREADS} threads at once, and for at most {@link #PATIENCE} and
 * {@link #MOST_BYTES}. Beyond that the web server does with the body what it does with any that was not read. The standalone server
 * needs no thread for it, and says so by the attribute {@link #DROPPED_BY_SERVER}.
 */
public final class UnreadBody {
    /** Attribute of a request whose unread body the web server itself reads and drops, without a thread. */
    public static final String DROPPED_BY_SERVER = UnreadBody.class.getName() + ".droppedByServer";

    private static final int MOST_THREADS = 4;
    private static final long MOST_BYTES = 64L * 1024 * 1024;
    /** One read may last as long as the web server waits for it, and begins before this has passed. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static final int PIECE = 8 * 1024;
    private static final Semaphore THREADS = new Semaphore(MOST_THREADS);

    private UnreadBody() {}

    /** @throws IOException if the client is gone */
    static void drop(HttpServletRequest request) throws IOException {
        if (request.getAttribute(DROPPED_BY_SERVER) != null
                || request.getHeader("Expect") != null
                || !THREADS.tryAcquire()) {
            return;
        }
        try {
            drop(request.getInputStream());
        } finally {
            THREADS.release();
        }
    }

    private static void drop(InputStream in) throws IOException {
        byte[] piece = new byte[PIECE];
        long start = System.nanoTime();
        long dropped = 0;
        while (dropped < MOST_BYTES && System.nanoTime() - start < PATIENCE.toNanos()) {
            int count = in.read(piece);
            if (count < 0) {
                return;
            }
            dropped += count;
        }
    }
}
