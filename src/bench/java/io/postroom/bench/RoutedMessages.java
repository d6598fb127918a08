package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.QueueSettings;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Messages that name their queue, or that an exchange routes. Nothing works here: messages only come in. */
final class RoutedMessages implements Contender {
    static final int BINDINGS = 1000;
    static final int QUEUES = 100;

    private final String name;
    private final Way way;

    private RoutedMessages(String name, Way way) {
        this.name = name;
        this.way = way;
    }

    /** How a message finds its queue or queues. */
    private enum Way {
        NAMED,
        TOPIC,
        NAMED_EACH,
        FANOUT
    }

    static Contender named(String row) {
        return new RoutedMessages("postroom, " + row + ", queue named", Way.NAMED);
    }

    static Contender topic(String row) {
        return new RoutedMessages("postroom, " + row + ", topic exchange", Way.TOPIC);
    }

    static Contender namedEach() {
        return new RoutedMessages("postroom, " + QUEUES + " messages for " + QUEUES + " queues", Way.NAMED_EACH);
    }

    static Contender fanout() {
        return new RoutedMessages("postroom, one message to " + QUEUES + " queues", Way.FANOUT);
    }

    /** The binding with this number, of {@link #BINDINGS}. */
    static String pattern(int number) {
        return number % 2 == 0 ? "tenant." + number + ".order.paid" : "tenant." + number + ".*.#";
    }

    /** A key that one binding matches. */
    static String key(int number) {
        return "tenant." + number % BINDINGS + ".order.paid";
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String settings() {
        return switch (way) {
            case NAMED -> "CreateMessage.to(queue)";
            case TOPIC -> "CreateMessage.via(exchange, key): " + BINDINGS + " bindings, one matches";
            case NAMED_EACH -> QUEUES + " x createMessage in one transaction";
            case FANOUT -> "one createMessage through a fanout exchange in one transaction";
        };
    }

    @Override
    public Line open(BenchDatabase database) {
        HikariDataSource pool = database.pool(PostroomContender.POOL);
        try {
            return new Open(pool, Postroom.on(pool).workers(false).start(), way);
        } catch (RuntimeException failed) {
            pool.close();
            throw failed;
        }
    }

    private static final class Open implements EnqueueLine {
        private final HikariDataSource pool;
        private final Postroom postroom;
        private final Way way;
        private final AtomicInteger next = new AtomicInteger();

        Open(HikariDataSource pool, Postroom postroom, Way way) {
            this.pool = pool;
            this.postroom = postroom;
            this.way = way;
            int queues = way == Way.NAMED || way == Way.TOPIC ? 1 : QUEUES;
            for (int i = 0; i < queues; i++) {
                postroom.queues().declare(QueueSettings.of("q" + i));
            }
            if (way == Way.TOPIC) {
                postroom.exchanges().declare(Exchange.topic("x"));
                for (int i = 0; i < BINDINGS; i++) {
                    postroom.exchanges().bind(Binding.from("x").key(pattern(i)).to("q0"));
                }
            } else if (way == Way.FANOUT) {
                postroom.exchanges().declare(Exchange.fanout("x"));
                for (int i = 0; i < QUEUES; i++) {
                    postroom.exchanges().bind(Binding.from("x").to("q" + i));
                }
            }
        }

        private CreateMessage message(String payload, int number) {
            CreateMessage message = switch (way) {
                case NAMED, NAMED_EACH -> CreateMessage.to("q" + number % (way == Way.NAMED ? 1 : QUEUES));
                case TOPIC -> CreateMessage.via("x", key(number));
                case FANOUT -> CreateMessage.via("x", "");
            };
            return message.json("bench", 1, payload);
        }

        /** One transaction of a caller. */
        @Override
        public void enqueue(String payload) throws Exception {
            int messages = way == Way.NAMED_EACH ? QUEUES : 1;
            int first = next.getAndAdd(messages);
            try (Connection connection = pool.getConnection()) {
                connection.setAutoCommit(false);
                for (int i = 0; i < messages; i++) {
                    postroom.queueMessages()
                            .createMessage(message(payload, Math.floorMod(first + i, 1_000_000)), connection);
                }
                connection.commit();
            }
        }

        @Override
        public void enqueue(List<String> payloads) {
            List<CreateMessage> messages = new ArrayList<>(payloads.size());
            for (int i = 0; i < payloads.size(); i++) {
                messages.add(message(payloads.get(i), i));
            }
            postroom.queueMessages().createMessages(messages);
        }

        @Override
        public void close() {
            postroom.stop(Duration.ofSeconds(5));
            postroom.close();
            pool.close();
        }
    }
}
