package io.postroom.internal.imports;

import io.postroom.api.CreateMessage;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.util.List;

/** Creates the messages of lines. Implemented where messages are created. Thread-safe. */
public interface ImportedMessages {
    /** @throws io.postroom.api.InvalidMessageException the message breaks a limit */
    NewMessage encode(CreateMessage message);

    /**
     * Creates messages, all or none, in the transaction of this connection.
     *
     * @return what wakes consumers, once the transaction is committed
     */
    Runnable create(List<NewMessage> messages, Connection connection);
}
