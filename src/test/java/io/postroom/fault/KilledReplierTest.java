package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Reply;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Requests that another process answers. It dies with a reply that it has set: the next process replies, once. */
@PostgresTest
@Timeout(180)
class KilledReplierTest {
    private final TestDatabase database;

    KilledReplierTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    @Tag("fault-long")
    void reply_comes_from_another_process_also_after_the_first_one_died() throws Exception {
        try (HikariDataSource pool = database.newPool(6);
                Postroom caller = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .settings(FaultWorker.settings("caller"))
                        .workers(false)
                        .start();
                JvmProcess killed = WorkerProcess.start(database, "replies", 0)) {
            assertThat(ask(caller, "hello").as(Long.class)).isEqualTo(killed.pid());

            CompletableFuture<Reply> asked = CompletableFuture.supplyAsync(() -> ask(caller, "die"));
            killed.awaitEnd();
            assertThat(asked).isNotDone();
            try (HikariDataSource second = database.newPool(6);
                    Postroom next = Postroom.on(second)
                            .schema(SchemaMode.NONE)
                            .settings(FaultWorker.settings("next"))
                            .handler(FaultWorker.replying(false))
                            .start()) {
                assertThat(asked.get(90, TimeUnit.SECONDS).as(Long.class))
                        .isEqualTo(ProcessHandle.current().pid());
                assertThat(next.replyCounts().undeliverable()).isZero();
            }
            assertThat(caller.replyCounts().received()).isEqualTo(2);
            assertThat(caller.replyCounts().late()).isZero();
        }
    }

    private static Reply ask(Postroom caller, String text) {
        return caller.queueMessages()
                .sendAndReceive(CreateMessage.to(FaultWorker.REQUESTS).payload(text), Duration.ofSeconds(120));
    }
}
