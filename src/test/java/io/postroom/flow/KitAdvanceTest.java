package io.postroom.flow;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Time that passes at once, while workers run. */
@PostgresTest
class KitAdvanceTest {
    private final TestDatabase database;

    KitAdvanceTest(TestDatabase database) {
        this.database = database;
    }

    /** The second advance sets a due time before those that were promoted, where a process looks once a minute otherwise. */
    @Test
    void each_advance_lets_running_workers_handle_what_became_due() {
        try (Postroom postroom = Postroom.on(database.pool())
                .handler(Handler.send("later", String.class, (text, context) -> Outcome.done()))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            for (int hours : new int[] {24, 1}) {
                var id = postroom.queueMessages()
                        .createMessage(CreateMessage.to("later").payload("x").delay(Duration.ofHours(hours)))
                        .id();
                kit.advance(Duration.ofHours(48));
                kit.await(id, MessageState.DONE);
            }
        }
    }
}
