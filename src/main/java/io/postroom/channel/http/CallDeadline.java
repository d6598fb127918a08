package io.postroom.channel.http;

import java.io.IOException;
import java.net.Proxy;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The end of a call, from the name to the last byte of the answer. A timer closes what the call has open then: a time limit for each read
 * would let a server that sends one byte a second hold a thread for days.
 *
 * <p>The race between the timer and a call that opens its socket: the timer sets {@code passed} before it closes, and the call looks at it
 * after it has said what it has open. So one of the two closes the socket, whoever comes second.
 */
final class CallDeadline implements AutoCloseable {
    private final long endNanos;
    private final Runnable cancel;
    private final Future<?> timer;
    private volatile boolean passed;
    private volatile @Nullable Socket socket;

    /** @param cancel ends the request where it has a connection; may be called at any time, from another thread */
    CallDeadline(ScheduledExecutorService timers, Duration time, Runnable cancel) {
        this.endNanos = System.nanoTime() + time.toNanos();
        this.cancel = cancel;
        this.timer = timers.schedule(this::pass, time.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Makes a socket that ends with the call. Without a proxy: a system property of the JVM would lead it elsewhere. */
    Socket newSocket() throws IOException {
        Socket made = new Socket(Proxy.NO_PROXY);
        socket = made;
        if (passed) {
            made.close();
        }
        return made;
    }

    boolean isPassed() {
        return passed;
    }

    /** At least 1 ms: 0 would mean without end. */
    long remainingMillis() {
        return Math.max(1, TimeUnit.NANOSECONDS.toMillis(endNanos - System.nanoTime()));
    }

    private void pass() {
        passed = true;
        cancel.run();
        Socket open = socket;
        if (open != null) {
            try {
                open.close();
            } catch (IOException gone) {
                // it is closed
            }
        }
    }

    @Override
    public void close() {
        timer.cancel(false);
    }
}
