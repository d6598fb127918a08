package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** The product as a host gets it: default settings, a pool of the host's, full history. */
final class PostroomContender implements Contender {
    private final boolean joining;
    /** 0: messages have no group. */
    private final int groups;
    /** Whether the groups take turns; else the queue is ordered if there are groups. */
    private final boolean fair;
    /** What is set besides the defaults, and its name; empty: nothing. */
    private final String extra;

    private final UnaryOperator<Postroom.Builder> more;

    PostroomContender() {
        this(false, 0, false);
    }

    private PostroomContender(boolean joining, int groups, boolean fair) {
        this(joining, groups, fair, "", UnaryOperator.identity());
    }

    private PostroomContender(
            boolean joining, int groups, boolean fair, String extra, UnaryOperator<Postroom.Builder> more) {
        this.joining = joining;
        this.groups = groups;
        this.fair = fair;
        this.extra = extra;
        this.more = more;
    }

    /** With more settings, whose name is added to its own. */
    static PostroomContender with(String extra, UnaryOperator<Postroom.Builder> more) {
        return new PostroomContender(false, 0, false, extra, more);
    }

    /** Each message in a transaction of the caller's, which commits for it alone: what a host pays for one message beside its own rows. */
    static PostroomContender inCallersTransaction() {
        return new PostroomContender(true, 0, false);
    }

    /** Its queue is ordered, and the messages go round these groups. */
    static PostroomContender ordered(int groups) {
        return new PostroomContender(false, groups, false);
    }

    /** Its queue is fair. What it is filled with goes round these groups; each message that is sent alone belongs to another one. */
    static PostroomContender fair(int groups) {
        return new PostroomContender(false, groups, true);
    }

    static final int THREADS = 16;
    static final String QUEUE = "bench";
    static final int POOL = 10;
    private static final int BLOCK = 5000;

    @Override
    public String name() {
        if (!extra.isEmpty()) {
            return "postroom, " + extra;
        }
        return joining
                ? "postroom, caller's transaction"
                : groups == 0
                        ? "postroom"
                        : String.format(Locale.ROOT, "postroom, %s, groups: %,d", fair ? "fair" : "ordered", groups);
    }

    @Override
    public String settings() {
        return (extra.isEmpty() ? "default settings" : "default settings and " + extra) + ", one handler with "
                + THREADS + " threads, mode " + HandlerMode.LEASED + ", history kept";
    }

    @Override
    public Line open(BenchDatabase database) {
        return joining ? new JoiningQueue(database) : new Queue(database, groups, fair, more);
    }

    static Handler handler(String queue, int threads, Consumer<String> consumer) {
        return Handler.send(queue, String.class, (payload, context) -> {
                    consumer.accept(payload);
                    return Outcome.done();
                })
                .concurrency(threads);
    }

    /**
     * Fills with two threads: a single one leaves a core of the server idle while it builds its next block.
     *
     * @param block creates so many messages
     */
    static void fillInBlocks(int messages, IntConsumer block) {
        List<CompletableFuture<Void>> halves = new ArrayList<>();
        for (int half : new int[] {messages / 2, messages - messages / 2}) {
            halves.add(CompletableFuture.runAsync(() -> {
                for (int left = half; left > 0; left -= BLOCK) {
                    block.accept(Math.min(left, BLOCK));
                }
            }));
        }
        halves.forEach(CompletableFuture::join);
    }

    private static final class JoiningQueue extends Queue {
        JoiningQueue(BenchDatabase database) {
            super(database, 0, false, UnaryOperator.identity());
        }

        @Override
        public void enqueue(String payload) {
            try (Connection connection = pool.getConnection()) {
                connection.setAutoCommit(false);
                messages().createMessage(message(payload), connection);
                connection.commit();
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static class Queue implements Line {
        final HikariDataSource pool;
        private final int groups;
        private final boolean fair;
        private final AtomicInteger nextGroup = new AtomicInteger();
        private final AtomicLong entered = new AtomicLong();
        private final AtomicLong acknowledged = new AtomicLong();
        private final UnaryOperator<Postroom.Builder> more;
        private Postroom postroom;

        Queue(BenchDatabase database, int groups, boolean fair, UnaryOperator<Postroom.Builder> more) {
            this.groups = groups;
            this.fair = fair;
            this.more = more;
            pool = database.pool(POOL);
            try {
                postroom = more.apply(Postroom.on(pool)).workers(false).start();
                postroom.queues()
                        .declare(QueueSettings.of(QUEUE)
                                .ordered(groups > 0 && !fair)
                                .fair(fair));
            } catch (RuntimeException failed) {
                pool.close();
                throw failed;
            }
        }

        final QueueMessages messages() {
            return postroom.queueMessages();
        }

        final CreateMessage message(String payload) {
            CreateMessage message = CreateMessage.to(QUEUE).json("bench", 1, payload);
            return groups == 0 ? message : message.group("group-" + Math.floorMod(nextGroup.getAndIncrement(), groups));
        }

        private List<CreateMessage> messages(String payload, int count) {
            return groups == 0
                    ? Collections.nCopies(count, message(payload))
                    : IntStream.range(0, count)
                            .mapToObj(any -> message(payload))
                            .toList();
        }

        @Override
        public void fill(int messages, String payload) {
            fillInBlocks(messages, block -> messages().createMessages(messages(payload, block)));
            entered.addAndGet(messages);
        }

        @Override
        public void enqueue(String payload) {
            messages().createMessage(fair ? message(payload).group("other") : message(payload));
            entered.incrementAndGet();
        }

        @Override
        public void enqueue(List<String> payloads) {
            messages().createMessages(payloads.stream().map(this::message).toList());
            entered.addAndGet(payloads.size());
        }

        @Override
        public boolean hasGroupCommit() {
            return true;
        }

        @Override
        public CompletableFuture<?> enqueueAsync(String payload) {
            entered.incrementAndGet();
            return messages().createMessageAsync(message(payload));
        }

        @Override
        public void prepare(Consumer<String> handler) {
            postroom.queues().pause(QUEUE);
            postroom.close();
            postroom = more.apply(Postroom.on(pool))
                    .handler(handler(QUEUE, THREADS, handler))
                    .listener(
                            event -> { // after its result was committed
                                if (event.state() == MessageState.DONE) {
                                    acknowledged.incrementAndGet();
                                }
                            })
                    .start();
        }

        @Override
        public void begin() {
            postroom.queues().resume(QUEUE);
        }

        @Override
        public long unacknowledged() {
            return entered.get() - acknowledged.get();
        }

        @Override
        public long acknowledged() {
            return acknowledged.get();
        }

        @Override
        public void close() {
            postroom.stop(Duration.ofSeconds(5));
            postroom.close();
            pool.close();
        }
    }
}
