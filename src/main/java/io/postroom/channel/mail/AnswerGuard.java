package io.postroom.channel.mail;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import javax.net.SocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * Ends what one connection waits for. The library's time limit holds for each read, and the library reads an answer of any length. So a
 * server that sends one byte a minute, or lines without end, would hold a worker and its memory for days. A timer closes the socket when a
 * whole answer is late, or when the attempt of the mail ends; an answer that is too long is cut.
 *
 * <p>The race between the timer and an answer that comes at its end: the timer sets {@code passed} before it closes the socket, and a
 * connection that has passed is never used again. So a late timer may cost a connection, and changes no outcome of an answer that was read.
 *
 * <p>One thread at a time uses it, beside the timer's.
 */
final class AnswerGuard {
    /** Bytes of one answer. RFC 5321 asks for 512 a line; an answer to EHLO has some dozens of lines. */
    static final int MOST_BYTES = 64 * 1024;

    /** Makes the sockets of the library, for the connection that this thread opens. */
    static final SocketFactory SOCKETS = new GuardedSockets();

    /** Left of an attempt when it ends here, so that the handler answers before it is interrupted. */
    private static final Duration TO_ANSWER = Duration.ofMillis(100);

    private static final Duration LONGEST = Duration.ofDays(1);

    /** Of the connection that this thread opens. The library gives the makers of sockets nothing to tell connections by. */
    private static final ThreadLocal<@Nullable AnswerGuard> OPENING = new ThreadLocal<>();

    private static final ThreadLocal<Instant> ATTEMPT_END = ThreadLocal.withInitial(() -> Instant.MAX);

    private final ScheduledExecutorService timers;
    private final Duration connectTime;
    private final Duration answerTime;
    private @Nullable Future<?> timer;
    private long bytesLeft = Long.MAX_VALUE;
    private volatile @Nullable Socket socket;
    private volatile @Nullable String passed;

    AnswerGuard(ScheduledExecutorService timers, MailSettings settings) {
        this.timers = timers;
        this.connectTime = settings.connectTimeout();
        this.answerTime = settings.readTimeout();
    }

    /** What this thread sends until it is closed belongs to an attempt that ends then. */
    static AttemptEnd attemptUntil(Instant end) {
        ATTEMPT_END.set(end.equals(Instant.MAX) ? end : end.minus(TO_ANSWER));
        return ATTEMPT_END::remove;
    }

    static boolean isAttemptOver() {
        return !Instant.now().isBefore(ATTEMPT_END.get());
    }

    /** How long this thread may wait: the given time, or what is left of its attempt, if that is less. More than zero. */
    static Duration within(Duration time) {
        Instant end = ATTEMPT_END.get();
        Instant now = Instant.now();
        if (!end.isBefore(now.plus(time))) {
            return time;
        }
        return end.isAfter(now) ? Duration.between(now, end) : Duration.ofNanos(1);
    }

    /**
     * How long the look-up of a name may take. The socket that is made afterwards has as much time again, until the server greets: so a
     * connection takes at most twice this.
     */
    Duration timeToConnect() {
        return within(connectTime.plus(answerTime));
    }

    /** The end of the time in which a thread sends for an attempt. */
    interface AttemptEnd extends AutoCloseable {
        @Override
        void close();
    }

    /** The next socket that the library makes on this thread is of this connection. */
    AttemptEnd opening() {
        OPENING.set(this);
        return () -> {
            OPENING.remove();
            rest();
        };
    }

    /** An answer is read from here on. */
    void awaitAnswer() {
        bytesLeft = MOST_BYTES;
        arm(answerTime, "no whole answer within " + answerTime.toMillis() + " ms");
    }

    /** TLS is agreed upon from here on. */
    void awaitHandshake() {
        bytesLeft = Long.MAX_VALUE;
        arm(answerTime, "no TLS within " + answerTime.toMillis() + " ms");
    }

    /** The mail or a command is sent from here on: only the attempt ends that, and the time limit of each write. */
    void send() {
        bytesLeft = Long.MAX_VALUE;
        arm(LONGEST, "not sent within a day");
    }

    /** Nothing is awaited: the connection is kept for the next mail. */
    void rest() {
        bytesLeft = Long.MAX_VALUE;
        disarm();
    }

    private void disarm() {
        Future<?> before = timer;
        if (before != null) {
            before.cancel(false);
            timer = null;
        }
    }

    /** Why the connection was closed; null: it was not. */
    @Nullable
    String passed() {
        return passed;
    }

    private void arm(Duration time, String late) {
        disarm();
        Duration within = within(time);
        String why = within.equals(time) ? late : "the time of this attempt has passed";
        timer = timers.schedule(() -> pass(why), within.toNanos(), TimeUnit.NANOSECONDS);
    }

    private void pass(String why) {
        passed = why;
        Socket open = socket;
        if (open != null) {
            try {
                open.close();
            } catch (IOException gone) {
                // it is closed
            }
        }
    }

    private Socket newSocket() {
        Socket made = new GuardedSocket();
        socket = made;
        Duration time = connectTime.plus(answerTime);
        arm(time, "no connection within " + time.toMillis() + " ms");
        return made;
    }

    private final class GuardedSocket extends Socket {
        @Override
        public InputStream getInputStream() throws IOException {
            return new Answers(super.getInputStream());
        }
    }

    private final class Answers extends FilterInputStream {
        private Answers(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int read = super.read();
            count(read < 0 ? 0 : 1);
            return read;
        }

        @Override
        public int read(byte[] bytes, int from, int most) throws IOException {
            int read = super.read(bytes, from, most);
            count(read);
            return read;
        }

        private void count(int read) throws IOException {
            bytesLeft -= Math.max(0, read);
            if (bytesLeft < 0) {
                throw new IOException("an answer of more than " + MOST_BYTES + " bytes");
            }
        }
    }

    private static final class GuardedSockets extends SocketFactory {
        @Override
        public Socket createSocket() {
            AnswerGuard guard = OPENING.get();
            if (guard == null) {
                throw new IllegalStateException("a connection is made outside of its opening");
            }
            return guard.newSocket();
        }

        // The library asks for a socket that is not connected yet, and for no other.

        @Override
        public Socket createSocket(String host, int port) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Socket createSocket(String host, int port, InetAddress local, int localPort) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Socket createSocket(InetAddress host, int port) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) {
            throw new UnsupportedOperationException();
        }
    }
}
