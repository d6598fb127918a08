package io.postroom.internal.mailboxes;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import javax.net.SocketFactory;

/**
 * Makes the plain sockets of a mailbox, around which the library puts TLS, and cuts them on demand. The library has no call that ends a
 * wait for the server, and may open a second connection beside that of the folder. Thread-safe.
 */
final class CutSockets extends SocketFactory {
    private final List<Socket> made = new ArrayList<>();
    private boolean isCut;

    @Override
    public synchronized Socket createSocket() throws IOException {
        Socket socket = new Socket();
        if (isCut) {
            socket.close();
        }
        made.removeIf(Socket::isClosed);
        made.add(socket);
        return socket;
    }

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

    /** Lets whatever waits for the server fail at once, also a connection that is made later. */
    synchronized void cut() {
        isCut = true;
        for (Socket socket : made) {
            try {
                socket.close();
            } catch (IOException gone) {
                // it is closed in any case
            }
        }
        made.clear();
    }
}
