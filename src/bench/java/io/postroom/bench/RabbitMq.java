package io.postroom.bench;

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.MessageProperties;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A RabbitMQ on this machine: persistent messages through a topic exchange into a durable queue, each confirmed, or a bulk at once. Its CPU
 * time is in none of the columns but that of others' cores. See src/bench/rabbitmq.sh.
 */
final class RabbitMq implements Contender {
    /** Names the broker; without it no broker is measured. */
    static final String URL = "POSTROOM_BENCH_RABBITMQ";

    private static final long CONFIRM_MILLIS = TimeUnit.MINUTES.toMillis(1);

    private final String url;
    private final String row;

    private RabbitMq(String url, String row) {
        this.url = url;
        this.row = row;
    }

    static Optional<Contender> topic(String row) {
        return Optional.ofNullable(System.getenv(URL)).map(url -> new RabbitMq(url, row));
    }

    @Override
    public String name() {
        return "rabbitmq, " + row + ", topic exchange";
    }

    @Override
    public String settings() {
        return RoutedMessages.BINDINGS + " bindings, one matches; persistent, confirmed";
    }

    @Override
    public Line open(BenchDatabase database) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(url);
        return new Open(factory.newConnection());
    }

    private static final class Open implements EnqueueLine {
        private final Connection connection;
        private final AtomicInteger next = new AtomicInteger();
        private final ThreadLocal<Channel> channels;

        Open(Connection connection) throws IOException, TimeoutException {
            this.connection = connection;
            try (Channel channel = connection.createChannel()) {
                channel.queueDelete("q0");
                channel.exchangeDelete("x");
                channel.queueDeclare("q0", true, false, false, Map.of());
                channel.exchangeDeclare("x", "topic", true);
                for (int i = 0; i < RoutedMessages.BINDINGS; i++) {
                    channel.queueBind("q0", "x", RoutedMessages.pattern(i));
                }
            }
            channels = ThreadLocal.withInitial(() -> {
                try {
                    Channel channel = connection.createChannel();
                    channel.confirmSelect();
                    return channel;
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
        }

        @Override
        public void enqueue(String payload) throws Exception {
            enqueue(List.of(payload));
        }

        @Override
        public void enqueue(List<String> payloads) throws Exception {
            Channel channel = channels.get();
            for (String payload : payloads) {
                channel.basicPublish(
                        "x",
                        RoutedMessages.key(Math.floorMod(next.getAndIncrement(), 1_000_000)),
                        true,
                        MessageProperties.PERSISTENT_TEXT_PLAIN,
                        payload.getBytes(StandardCharsets.UTF_8));
            }
            channel.waitForConfirmsOrDie(CONFIRM_MILLIS);
        }

        @Override
        public void close() throws IOException {
            connection.close();
        }
    }
}
