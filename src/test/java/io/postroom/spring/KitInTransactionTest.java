package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.WrongTransactionException;
import io.postroom.handler.SendMessage;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** A test whose transaction is still open, as {@code @Transactional} on a test makes it: nobody sees what was created in it. */
@PostgresTest
class KitInTransactionTest {
    static class Handlers {
        @SendMessage("kit")
        void send(String text) {}
    }

    @Test
    void the_kit_refuses_with_the_reason_instead_of_doing_nothing(TestDatabase database) {
        try (Host.Running host = Host.on(database)
                .with(Handlers.class)
                .with("postroom.workers.enabled", false)
                .start()) {
            PostroomKit kit = host.kit();
            TransactionTemplate transaction = new TransactionTemplate(host.bean(PlatformTransactionManager.class));

            Created created = transaction.execute(status -> {
                Created inside = host.queueMessages().createMessage("kit", "x");
                assertRefused("drain", kit::drain);
                assertRefused("advance", () -> kit.advance(Duration.ofSeconds(1)));
                assertRefused("await", () -> kit.await(inside.id(), MessageState.DONE));
                assertRefused("reset", kit::reset);
                return inside;
            });

            assertThat(kit.drain()).as("runs after the commit").isEqualTo(1);
            transaction.executeWithoutResult(status -> kit.await(created.id(), MessageState.DONE));
        }
    }

    private static void assertRefused(String method, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOf(WrongTransactionException.class)
                .hasMessageStartingWith(method + "() was called with a transaction open on this thread")
                .hasMessageContaining("Commit first");
    }
}
