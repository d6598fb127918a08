package io.postroom.internal.postgres;

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
 * Sockets for the connection that listens. When word has come, the driver (pgjdbc 42.7) first looks whether there is more, by a read that may wait 1 ms, the
 * shortest limit a socket takes, and hands out the word only after that. Here a read with that limit does not wait: it takes what is there, or its time is over
 * at once. A message of another process came 1.1 ms sooner by it, of 4.1.
 *
 * <p>Everything else is as with Java's own sockets; TLS is put around them as usual (tried by hand, on 17 and 25). An end of the line is noticed by the next read that
 * waits. The driver makes this by the name of the class.
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
