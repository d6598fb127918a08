package io.postroom.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A bad network on demand: passes TCP connections on 127.0.0.1 through to a server, until told to cut, refuse, delay or
 * swallow. Thread-safe; two threads per connection.
 *
 * <p>States stay until {@link #resume()}. They hold for old and new connections alike, save {@link #cutAll()}, which
 * happens once, and {@link #refuseNew()}, which leaves old ones alone.
 */
public final class TcpProxy implements AutoCloseable {
    private final InetSocketAddress target;
    private final ServerSocket listener;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile boolean refusing;
    private volatile boolean swallowing;
    private volatile Duration delay = Duration.ZERO;
    private final AtomicInteger roundTrips = new AtomicInteger();

    private TcpProxy(InetSocketAddress target) throws IOException {
        this.target = target;
        this.listener = new ServerSocket(0, 50, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
        start("accept", this::acceptAll);
    }

    public static TcpProxy to(String host, int port) {
        try {
            return new TcpProxy(new InetSocketAddress(host, port));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the port to connect to, on 127.0.0.1. */
    public int port() {
        return listener.getLocalPort();
    }

    /** Connections being passed on at this moment. */
    public int connections() {
        return open.size() / 2;
    }

    /** Returns how often a client has sent something after an answer, or first, over all connections. */
    public int roundTrips() {
        return roundTrips.get();
    }

    /** Resets all connections, as when a server dies; new ones are still welcome. */
    public void cutAll() {
        List<Socket> all = List.copyOf(open);
        // First all of them, then the cut: when one side goes, its pump closes the other, and that must be a reset,
        // too.
        all.forEach(TcpProxy::closeByReset);
        all.forEach(TcpProxy::reset);
    }

    /** Resets new connections as soon as they are made: the nearest to a closed port that can be undone. */
    public void refuseNew() {
        refusing = true;
    }

    /** Holds back each piece of data, in both directions, for that long. */
    public void delay(Duration delay) {
        this.delay = delay;
    }

    /**
     * Half-open: connections stay, new ones are accepted, what is sent disappears and nothing comes back, as behind a
     * firewall that forgot them. What was swallowed does not come later: after {@link #resume()} a connection that was in
     * use meanwhile is out of step and should be cut.
     */
    public void swallow() {
        swallowing = true;
    }

    /** Back to a good network, for whatever connections are left. */
    public void resume() {
        refusing = false;
        swallowing = false;
        delay = Duration.ZERO;
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cutAll();
    }

    private void acceptAll() {
        while (!listener.isClosed()) {
            try {
                Socket client = listener.accept();
                if (refusing) {
                    reset(client);
                } else {
                    connect(client);
                }
            } catch (IOException e) {
                // The listener was closed, or this one client could not be served.
            }
        }
    }

    private void connect(Socket client) throws IOException {
        Socket server = new Socket();
        try {
            server.connect(target);
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
        } catch (IOException e) {
            reset(client);
            reset(server);
            throw e;
        }
        open.add(client);
        open.add(server);
        if (refusing) { // since it was accepted: cutAll may have looked before it was among the open ones
            cut(client, server);
            return;
        }
        AtomicBoolean answered = new AtomicBoolean(true);
        start(
                "to-server",
                () -> pump(client, server, () -> {
                    if (answered.getAndSet(false)) {
                        roundTrips.incrementAndGet();
                    }
                }));
        start("to-client", () -> pump(server, client, () -> answered.set(true)));
    }

    private void cut(Socket client, Socket server) {
        open.remove(client);
        open.remove(server);
        reset(client);
        reset(server);
    }

    /** Ends with either side: the other direction then ends too. */
    private void pump(Socket from, Socket to, Runnable seen) {
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[16 * 1024];
            for (int read; (read = in.read(buffer)) >= 0; ) {
                seen.run(); // before it is passed on
                Thread.sleep(delay.toMillis());
                if (!swallowing) {
                    out.write(buffer, 0, read);
                }
            }
        } catch (IOException | InterruptedException e) {
            // One of the two is gone.
        } finally {
            open.remove(from);
            open.remove(to);
        }
    }

    /** Closes with RST instead of FIN, so that the peer sees an error and not an orderly end. */
    private static void reset(Socket socket) {
        try (socket) {
            closeByReset(socket);
        } catch (IOException e) {
            // Closed already.
        }
    }

    private static void closeByReset(Socket socket) {
        try {
            socket.setSoLinger(true, 0);
        } catch (IOException e) {
            // Closed already.
        }
    }

    private static void start(String name, Runnable work) {
        Thread thread = new Thread(work, "tcp-proxy-" + name);
        thread.setDaemon(true);
        thread.start();
    }
}
