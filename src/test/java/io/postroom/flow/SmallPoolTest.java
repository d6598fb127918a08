package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.test.PostroomKit;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Handlers that need more connections at a time than the pool of the host has. */
@PostgresTest
class SmallPoolTest {
    private final TestDatabase database;
    private final JdbcClient sql;

    SmallPoolTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    @Test
    void atomic_handlers_that_outnumber_the_connections_of_the_pool_cost_no_attempt_and_lose_nothing()
            throws Exception {
        int messages = 6;
        CountDownLatch release = new CountDownLatch(1);
        AtomicInteger running = new AtomicInteger();
        try (HikariDataSource pool = new HikariDataSource();
                LogRecorder log = LogRecorder.of("io.postroom", Level.WARN)) {
            pool.setJdbcUrl(database.pool().getJdbcUrl());
            pool.setUsername(database.pool().getUsername());
            pool.setPassword(database.pool().getPassword());
            pool.setMaximumPoolSize(2);
            pool.setConnectionTimeout(250);
            TestDatabase.openAll(pool);
            try (Postroom postroom = Postroom.on(pool)
                    .schema(SchemaMode.NONE) // else a further pool with this timeout looks at it
                    .handler(Handler.process("crowded", String.class, (payload, context) -> {
                                running.incrementAndGet();
                                release.await();
                                return Outcome.done();
                            })
                            .mode(HandlerMode.ATOMIC)
                            .concurrency(messages)
                            .retry(RetryPolicy.fixed(1, Duration.ZERO))) // an attempt that counted would be the last
                    .start()) {
                List<UUID> ids = postroom
                        .queueMessages()
                        .createMessages(IntStream.range(0, messages)
                                .mapToObj(i -> CreateMessage.to("crowded").payload("m" + i))
                                .toList())
                        .stream()
                        .map(Created::id)
                        .toList();
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> sql.sql("SELECT count(*) FROM postroom.delayed")
                                        .query(Integer.class)
                                        .single()
                                == messages - 2);
                assertThat(running).as("those that got a connection").hasValue(2);

                release.countDown();
                PostroomKit kit = PostroomKit.of(postroom);
                for (UUID id : ids) {
                    kit.await(id, MessageState.DONE);
                }
                assertThat(running).hasValue(messages);
                assertThat(ids)
                        .allMatch(id -> postroom.queueMessages().history(id).size() == 1);
            }
            assertThat(log.count("6 ATOMIC handlers may run at a time, and the pool of the host has 2 connections"))
                    .isOne();
        }
    }

    /** Two threads need two connections, whatever the handler would let run. */
    @Test
    void atomic_handlers_that_outnumber_the_connections_but_have_fewer_threads_are_no_reason_to_warn() {
        try (HikariDataSource pool = new HikariDataSource();
                LogRecorder log = LogRecorder.of("io.postroom", Level.WARN)) {
            pool.setJdbcUrl(database.pool().getJdbcUrl());
            pool.setUsername(database.pool().getUsername());
            pool.setPassword(database.pool().getPassword());
            pool.setMaximumPoolSize(2);
            Postroom.on(pool)
                    .handlerThreads(2)
                    .handler(Handler.process("threads", String.class, (payload, context) -> Outcome.done())
                            .mode(HandlerMode.ATOMIC)
                            .concurrency(50))
                    .start()
                    .close();
            assertThat(log.count("ATOMIC handlers may run at a time")).isZero();
        }
    }
}
