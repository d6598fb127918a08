package io.postroom.internal.mailboxes;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.PostroomException;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.util.List;

/**
 * Lets a mail be put aside for which an interceptor fails again and again: the mails behind it would wait for ever. A few failures are
 * tried again, since what the interceptor asks may be away. One thread may encode. That thread reads in order, so failures without a
 * success between them are of one mail.
 */
final class PatientMessages implements ImportedMessages {
    /** About five minutes: the pauses between them grow from a second to a minute. */
    static final int MOST_FAILURES = 10;

    private final ImportedMessages messages;
    private int failures;

    PatientMessages(ImportedMessages messages) {
        this.messages = messages;
    }

    @Override
    public NewMessage encode(CreateMessage message) {
        try {
            NewMessage encoded = messages.encode(message);
            failures = 0;
            return encoded;
        } catch (InvalidMessageException refused) {
            failures = 0;
            throw refused;
        } catch (PostroomException away) {
            throw away;
        } catch (RuntimeException failed) { // of an interceptor
            if (++failures < MOST_FAILURES) {
                throw failed;
            }
            failures = 0;
            throw new InvalidMessageException(
                    "message",
                    "accepted by each interceptor, which failed " + MOST_FAILURES + " times",
                    failed.toString());
        }
    }

    @Override
    public Runnable create(List<NewMessage> created, Connection connection) {
        return messages.create(created, connection);
    }
}
