package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageIds;
import io.postroom.api.SendResult;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

@PostgresTest
class SendFuturesTest {
    private final DataSource pool;

    SendFuturesTest(DataSource pool) {
        this.pool = pool;
    }

    @Test
    void many_that_wait_for_long_do_not_hide_those_that_ended() {
        SendFutures watch = new SendFutures(PostgresStores.on(pool).queries(), Runnable::run);
        PlacedMessages messages = new PlacedMessages(pool);
        int worker = messages.worker("other");
        List<CompletableFuture<SendResult>> ended = new ArrayList<>();
        for (int i = 0; i < 1500; i++) {
            watch.watch(MessageIds.next());
            if (i % 30 == 0) {
                ended.add(watch.watch(messages.message("q").finishedAgo(worker, "done", Duration.ofMillis(1))));
            }
        }
        watch.poll();
        watch.poll();
        watch.poll();
        assertThat(ended).allMatch(CompletableFuture::isDone);
    }
}
