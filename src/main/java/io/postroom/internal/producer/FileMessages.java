package io.postroom.internal.producer;

import io.postroom.api.CreateMessage;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.util.List;

/** Creates the messages of imported files, in the way of all messages: interceptors, limits of queues. Thread-safe. */
final class FileMessages implements ImportedMessages {
    private final MessageEncoder encoder;
    private final MessageWriter writer;

    FileMessages(MessageEncoder encoder, MessageWriter writer) {
        this.encoder = encoder;
        this.writer = writer;
    }

    @Override
    public NewMessage encode(CreateMessage message) {
        return encoder.encode(message);
    }

    @Override
    public Runnable create(List<NewMessage> messages, Connection connection) {
        MessageWriter.Written written = writer.writeAll(connection, messages);
        return () -> writer.committed(written);
    }
}
