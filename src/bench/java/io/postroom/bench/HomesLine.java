package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.homes.HomeRules;
import io.postroom.homes.PostroomHomes;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** A queue on each of several homes, with as many handler threads in all as {@link PostroomContender} has. Messages go round them. */
final class HomesLine implements Contender.Line {
    /** With more homes than this the pools are small, so that the server has connections enough. */
    private static final int MANY = 4;
    /** Homes of one server are migrated on its two cores. */
    private static final Duration FIRST_START = Duration.ofMinutes(3);

    private final Map<String, HikariDataSource> pools = new LinkedHashMap<>();
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicLong entered = new AtomicLong();
    private final AtomicLong acknowledged = new AtomicLong();
    private PostroomHomes homes;

    HomesLine(List<BenchDatabase> databases) {
        for (int i = 0; i < databases.size(); i++) {
            pools.put("home-" + i, databases.get(i).pool(databases.size() > MANY ? 2 : PostroomContender.POOL));
        }
        homes = start(builder -> {
            for (int i = 0; i < pools.size(); i++) {
                builder.queue(QueueSettings.of(queue(i)));
            }
            return builder.each((home, engine) -> engine.workers(false));
        });
    }

    private PostroomHomes start(UnaryOperator<PostroomHomes.Builder> more) {
        HomeRules rules = HomeRules.allOn("home-0");
        for (int i = 1; i < pools.size(); i++) {
            rules = rules.queue(queue(i), "home-" + i);
        }
        return more.apply(PostroomHomes.on(pools).rules(rules).timeLimit(FIRST_START))
                .start();
    }

    private static String queue(int home) {
        return PostroomContender.QUEUE + "-" + home;
    }

    QueueMessages messages() {
        return homes.queueMessages();
    }

    private CreateMessage message(int home, String payload) {
        return CreateMessage.to(queue(home)).json("bench", 1, payload);
    }

    CreateMessage message(String payload) {
        return message(Math.floorMod(next.getAndIncrement(), pools.size()), payload);
    }

    /** Each block goes to the next home. */
    @Override
    public void fill(int messages, String payload) {
        PostroomContender.fillInBlocks(
                messages, block -> messages().createMessages(Collections.nCopies(block, message(payload))));
        entered.addAndGet(messages);
    }

    @Override
    public void enqueue(String payload) {
        messages().createMessage(message(payload));
        entered.incrementAndGet();
    }

    @Override
    public void enqueue(List<String> payloads) {
        int home = Math.floorMod(next.getAndIncrement(), pools.size());
        messages()
                .createMessages(
                        payloads.stream().map(payload -> message(home, payload)).toList());
        entered.addAndGet(payloads.size());
    }

    @Override
    public void prepare(Consumer<String> handler) {
        each((i, home) -> homes.home(home).queues().pause(queue(i)));
        homes.close();
        homes = start(builder -> {
            for (int i = 0; i < pools.size(); i++) {
                Handler one = PostroomContender.handler(queue(i), PostroomContender.THREADS / pools.size(), handler);
                builder.handler(one);
            }
            return builder.each((home, engine) -> engine.listener(event -> {
                if (event.state() == MessageState.DONE) {
                    acknowledged.incrementAndGet();
                }
            }));
        });
    }

    @Override
    public void begin() {
        each((i, home) -> homes.home(home).queues().resume(queue(i)));
    }

    private interface OfHome {
        void accept(int number, String name);
    }

    private void each(OfHome action) {
        for (int i = 0; i < pools.size(); i++) {
            action.accept(i, "home-" + i);
        }
    }

    @Override
    public void settle() throws SQLException {
        for (HikariDataSource pool : pools.values()) {
            try (Connection connection = pool.getConnection()) {
                Bench.vacuum(connection);
            }
        }
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
        homes.stop(Duration.ofSeconds(5));
        homes.close();
        pools.values().forEach(HikariDataSource::close);
    }
}
