package io.postroom.internal.mailboxes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.api.PostroomException;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** An interceptor that fails for one mail, or for a while. */
class PatientMessagesTest {
    private static final CreateMessage MAIL = CreateMessage.to("mails");

    private @Nullable RuntimeException failure;
    private final PatientMessages messages = new PatientMessages(new ImportedMessages() {
        @Override
        public NewMessage encode(CreateMessage message) {
            if (failure != null) {
                throw failure;
            }
            return new NewMessage(
                    MessageIds.next(),
                    false,
                    1,
                    "q",
                    4,
                    null,
                    null,
                    null,
                    null,
                    null,
                    message.deduplication(),
                    null,
                    null);
        }

        @Override
        public Runnable create(List<NewMessage> created, Connection connection) {
            return () -> {};
        }
    });

    private void failOften(int times) {
        for (int i = 0; i < times; i++) {
            assertThatThrownBy(() -> messages.encode(MAIL)).isSameAs(failure);
        }
    }

    @Test
    void mail_for_which_an_interceptor_fails_again_and_again_is_refused() {
        failure = new IllegalStateException("no tenant");
        failOften(PatientMessages.MOST_FAILURES - 1);
        assertThatThrownBy(() -> messages.encode(MAIL))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("message must be accepted by each interceptor, which failed 10 times")
                .hasMessageContaining("no tenant");
        failOften(1); // the next mail has tries of its own
    }

    @Test
    void interceptor_that_works_again_has_lost_no_mail() {
        failure = new IllegalStateException("the directory is away");
        failOften(PatientMessages.MOST_FAILURES - 1);
        failure = null;
        assertThat(messages.encode(MAIL)).isNotNull();
        failure = new IllegalStateException("away again");
        failOften(PatientMessages.MOST_FAILURES - 1);
    }

    @Test
    void failure_that_every_mail_would_meet_is_none_of_the_mail() {
        failure = new PostroomException("the database is away");
        failOften(3 * PatientMessages.MOST_FAILURES);
    }
}
