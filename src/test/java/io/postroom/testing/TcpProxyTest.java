package io.postroom.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class TcpProxyTest {
    private ServerSocket echo;
    private TcpProxy proxy;

    @BeforeEach
    void start() throws IOException {
        echo = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        daemon(() -> {
            while (true) {
                Socket socket = echo.accept();
                daemon(() -> {
                    try (socket) {
                        socket.getInputStream().transferTo(socket.getOutputStream());
                    }
                });
            }
        });
        proxy = TcpProxy.to("127.0.0.1", echo.getLocalPort());
    }

    @AfterEach
    void stop() throws IOException {
        proxy.close();
        echo.close();
    }

    @Test
    void passes_bytes_both_ways_and_the_end_too() throws IOException {
        try (Socket socket = connect()) {
            assertThat(echo(socket, 7)).isEqualTo(7);
            assertThat(proxy.connections()).isEqualTo(1);
        }
        await().until(() -> proxy.connections() == 0);
    }

    @Test
    void cutAll_resets_old_connections_and_lets_new_ones_in() throws IOException {
        try (Socket old = connect()) {
            echo(old, 1);
            proxy.cutAll();
            assertThatThrownBy(() -> echo(old, 2)).isInstanceOf(SocketException.class);
        }
        try (Socket fresh = connect()) {
            assertThat(echo(fresh, 3)).isEqualTo(3);
        }
    }

    @Test
    void refuseNew_leaves_old_connections_alone_until_resume() throws IOException {
        try (Socket old = connect()) {
            echo(old, 1);
            proxy.refuseNew();
            assertThatThrownBy(() -> {
                        try (Socket refused = connect()) {
                            echo(refused, 2);
                        }
                    })
                    .isInstanceOf(SocketException.class);
            assertThat(echo(old, 3)).isEqualTo(3);
        }
        proxy.resume();
        try (Socket fresh = connect()) {
            assertThat(echo(fresh, 4)).isEqualTo(4);
        }
    }

    @Test
    void delay_holds_back_both_directions() throws IOException {
        try (Socket socket = connect()) {
            echo(socket, 1);
            proxy.delay(Duration.ofMillis(150));
            long begin = System.nanoTime();
            assertThat(echo(socket, 2)).isEqualTo(2);
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(Duration.ofMillis(300));
        }
    }

    @Test
    void swallow_is_silence_not_an_end() throws IOException {
        try (Socket socket = connect()) {
            echo(socket, 1);
            proxy.swallow();
            socket.setSoTimeout(300);
            assertThatThrownBy(() -> echo(socket, 2)).isInstanceOf(SocketTimeoutException.class);
            proxy.resume();
            socket.setSoTimeout(10_000);
            assertThat(echo(socket, 3))
                    .as("the swallowed byte does not come later")
                    .isEqualTo(3);
        }
    }

    private Socket connect() throws IOException {
        return new Socket(InetAddress.getByName("127.0.0.1"), proxy.port());
    }

    private static int echo(Socket socket, int value) throws IOException {
        socket.getOutputStream().write(value);
        return socket.getInputStream().read();
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void daemon(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException e) {
                // The test is over.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
