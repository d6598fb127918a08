package io.postroom.postgres;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import javax.net.SocketFactory;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;

/**
 * Sockets for the connection that listens. When word has come, the driver (pgjdbc 42.7) first looks whether there is more, by a read that may wait 1 ms, the
 * shortest limit a socket takes, and hands out the word only after that. Here a read with that limit does not wait: it takes what is there, or its time is over
 * at once. A message of another process came 1.1 ms sooner by it, of 4.1.
 *
 * <p>Everything else is as with Java's own sockets; TLS is put around them as usual. The driver makes this by the name of the class.
 */
public final class PromptSocketFactory extends SocketFactory {
    private static final int GLANCE_MILLIS = 1;

    /** Whether the driver could make it: not when a host keeps the driver where it does not see this library. */
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
    public Socket createSocket(String host, int port) throws IOException {
        return createSocket(InetAddress.getByName(host), port);
    }

    @Override
    public Socket createSocket(InetAddress host, int port) throws IOException {
        return connect(host, port, null);
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress from, int fromPort) throws IOException {
        return createSocket(InetAddress.getByName(host), port, from, fromPort);
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort) throws IOException {
        return connect(host, port, new InetSocketAddress(from, fromPort));
    }

    private static Socket connect(InetAddress host, int port, @Nullable InetSocketAddress from) throws IOException {
        Socket socket = new PromptSocket();
        try {
            socket.bind(from);
            socket.connect(new InetSocketAddress(host, port));
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private static final class PromptSocket extends Socket {
        private volatile boolean glances;

        @Override
        public void setSoTimeout(int millis) throws SocketException {
            super.setSoTimeout(millis);
            glances = millis == GLANCE_MILLIS;
        }

        @Override
        public InputStream getInputStream() throws IOException {
            return new FilterInputStream(super.getInputStream()) {
                @Override
                public int read() throws IOException {
                    glance();
                    return super.read();
                }

                @Override
                public int read(byte[] to, int offset, int length) throws IOException {
                    glance();
                    return super.read(to, offset, length);
                }

                private void glance() throws IOException {
                    if (glances && available() == 0) {
                        throw new SocketTimeoutException("nothing to read now");
                    }
                }
            };
        }
    }
}
