package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.QueueMessages;
import io.postroom.handler.SendMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;

@PostgresTest(migrated = false)
class StarterTest {
    @MessageType("ticket.checked-out")
    record TicketCheckedOut(String ticket) {}

    static class Notifications {
        final Queue<TicketCheckedOut> sent = new ConcurrentLinkedQueue<>();

        @SendMessage("notifications")
        void send(TicketCheckedOut event) {
            sent.add(event);
        }
    }

    @Test
    void one_handler_and_one_createMessage_are_enough(TestDatabase database) {
        try (Host.Running host = Host.on(database).with(Notifications.class).start()) {
            Created created =
                    host.bean(QueueMessages.class).createMessage("notifications", new TicketCheckedOut("T-1"));

            host.await(created, MessageState.DONE);

            assertThat(host.bean(Notifications.class).sent).containsExactly(new TicketCheckedOut("T-1"));
        }
    }
}
