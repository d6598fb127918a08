package io.postroom.internal.postgres.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PromptSocketFactoryTest {
    private final ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    private final Socket socket = new PromptSocketFactory().createSocket();
    private final Socket other;
    private final InputStream in;

    PromptSocketFactoryTest() throws IOException {
        socket.connect(server.getLocalSocketAddress());
        other = server.accept();
        in = socket.getInputStream();
    }

    @AfterEach
    void close() throws IOException {
        socket.close();
        other.close();
        server.close();
    }

    @Test
    void a_read_of_one_millisecond_does_not_wait() throws IOException {
        socket.setSoTimeout(1);
        long began = System.nanoTime();
        for (int i = 0; i < 1_000; i++) {
            assertThatThrownBy(() -> in.read(new byte[8], 0, 8)).isInstanceOf(SocketTimeoutException.class);
            assertThatThrownBy(in::read).isInstanceOf(SocketTimeoutException.class);
        }
        assertThat(Duration.ofNanos(System.nanoTime() - began))
                .as("2,000 reads that wait take two seconds")
                .isLessThan(Duration.ofSeconds(1));
    }

    @Test
    void a_read_of_one_millisecond_takes_what_is_there() throws IOException {
        other.getOutputStream().write(new byte[] {7, 8, 9});
        assertThat(in.read()).isEqualTo(7); // waits until it is there
        socket.setSoTimeout(1);
        byte[] rest = new byte[8];
        assertThat(in.read(rest, 0, 8)).isEqualTo(2);
        assertThat(rest).startsWith(8, 9);
    }

    @Test
    void other_reads_wait_as_usual() throws IOException {
        socket.setSoTimeout(1);
        socket.setSoTimeout(50);
        long began = System.nanoTime();
        assertThatThrownBy(in::read).isInstanceOf(SocketTimeoutException.class);
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofMillis(40));
        other.close();
        assertThat(in.read()).as("the end of the line").isEqualTo(-1);
    }

    @Test
    void the_driver_can_make_it() {
        assertThat(PromptSocketFactory.isVisibleToDriver()).isTrue();
    }
}
