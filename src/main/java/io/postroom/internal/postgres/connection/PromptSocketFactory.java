package io.postroom.internal.postgres.connection;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import javax.net.SocketFactory;
import org.postgresql.Driver;

/**
 * Makes sockets for the connection that listens, so that a notification arrives without an extra wait.
 *
 * <p>After the first notification the driver (pgjdbc 42.7) looks whether there is a second one. It does so by a read with a limit of 1 ms,
 * the shortest limit that a socket takes, and returns the first notification only after that read. With sockets of this class a read with
 * that limit does not wait: it takes the bytes that are there, or times out at once.
 *
 * <p>This class is kept because of its figure: a message from one process to another took 4.1 ms, and 1.1 ms of them were that read.
 *
 * <p>Everything else is as with Java's own sockets. TLS is put around these sockets as usual (tried by hand, on Java 17 and 25). The next
 * read that waits notices a closed connection. The driver makes an object of this class by the class's name.
 */
public final class PromptSocketFactory extends SocketFactory {
    /** The limit by which the driver looks for a second notification. */
    private static final int LOOK_MILLIS = 1;

    /** Whether the driver can load this class. It cannot when the host's driver has a class loader that does not see this library. */
    static boolean isVisibleToDriver() {
        try {
            ClassLoader drivers = Driver.class.getClassLoader();
            return Class.forName(PromptSocketFactory.class.getName(), false, drivers) == PromptSocketFactory.class;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    @Override
    public Socket createSocket() {
        return new PromptSocket();
    }

    @Override
    public Socket createSocket(String host, int port) {
        throw connectsItself();
    }

    @Override
    public Socket createSocket(InetAddress host, int port) {
        throw connectsItself();
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress from, int fromPort) {
        throw connectsItself();
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort) {
        throw connectsItself();
    }

    private static UnsupportedOperationException connectsItself() {
        return new UnsupportedOperationException("the driver takes a socket and connects it by itself");
    }

    private static final class PromptSocket extends Socket {
        private volatile boolean onlyLooks;

        @Override
        public void setSoTimeout(int millis) throws SocketException {
            super.setSoTimeout(millis);
            onlyLooks = millis == LOOK_MILLIS;
        }

        @Override
        public InputStream getInputStream() throws IOException {
            return new FilterInputStream(super.getInputStream()) {
                @Override
                public int read() throws IOException {
                    endLookWithoutBytes();
                    return super.read();
                }

                @Override
                public int read(byte[] to, int offset, int length) throws IOException {
                    endLookWithoutBytes();
                    return super.read(to, offset, length);
                }

                private void endLookWithoutBytes() throws IOException {
                    if (onlyLooks && available() == 0) {
                        throw new SocketTimeoutException("nothing to read now");
                    }
                }
            };
        }
    }
}
