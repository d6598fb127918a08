package io.postroom.internal.loop;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Looks up names on threads of its own, up to 32 at a time. A look-up cannot be interrupted and may take minutes, and must not outlast the
 * time of who waits for it. Its threads end when they have nothing to do. Thread-safe.
 */
public final class NameLookups implements AutoCloseable {
    private static final int MOST = 32;

    private final Lookup lookup;
    private final ThreadPoolExecutor threads;

    /** Looks up the addresses of a name. */
    @FunctionalInterface
    public interface Lookup {
        InetAddress[] find(String host) throws UnknownHostException;
    }

    /** @param thread the name of its threads */
    public NameLookups(String thread, Lookup lookup) {
        this.lookup = lookup;
        this.threads = new ThreadPoolExecutor(0, MOST, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
            Thread made = new Thread(task, thread);
            made.setDaemon(true);
            return made;
        });
    }

    /**
     * Waits for the addresses of a name.
     *
     * @throws LateException it took longer
     * @throws UnknownHostException there is no such name, too many are looked up already, or this is closed
     */
    public InetAddress[] find(String host, Duration time) throws UnknownHostException, InterruptedException {
        Future<InetAddress[]> found;
        try {
            found = threads.submit(() -> lookup.find(host));
        } catch (RejectedExecutionException refused) {
            if (threads.isShutdown()) {
                throw new UnknownHostException(host + " is not looked up any more: this is closed");
            }
            throw new UnknownHostException(host + ": " + MOST + " names are being looked up already");
        }
        try {
            return found.get(time.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof UnknownHostException unknown) {
                throw unknown;
            }
            throw new UnknownHostException(host + ": " + failed.getCause());
        } catch (TimeoutException late) {
            throw new LateException(host + " was not looked up in time");
        } finally {
            found.cancel(true);
        }
    }

    /** Takes no more names. Does not wait for those that are looked up. */
    @Override
    public void close() {
        threads.shutdownNow();
    }

    /** A name was not looked up in time. */
    public static final class LateException extends UnknownHostException {
        private static final long serialVersionUID = 1L;

        LateException(String text) {
            super(text);
        }
    }
}
