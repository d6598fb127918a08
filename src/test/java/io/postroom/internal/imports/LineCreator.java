package io.postroom.internal.imports;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;

/** What a process creates, and what it does in its transaction. */
class LineCreator implements ImportedMessages {
    final List<String> created = new ArrayList<>();
    private final Map<UUID, String> encoded = new HashMap<>();
    Runnable inTransaction = () -> {};
    /** What an interceptor does about the JSON of a line. */
    Consumer<String> interceptor = json -> {};
    /** What the store does about the JSON of the lines of a block. */
    Consumer<List<String>> store = lines -> {};

    final List<Integer> blocks = new ArrayList<>();

    @Override
    public NewMessage encode(CreateMessage message) {
        String json = ((CreateMessage.Content.Json) message.content()).json();
        if (json.startsWith("bad")) {
            throw new InvalidMessageException("payload", "JSON", json);
        }
        interceptor.accept(json);
        UUID id = MessageIds.next();
        encoded.put(id, json);
        return new NewMessage(id, false, 1, "q", 4, null, null, null, null, null, message.deduplication(), null, null);
    }

    @Override
    public Runnable create(List<NewMessage> messages, Connection connection) {
        inTransaction.run();
        List<String> lines =
                messages.stream().map(message -> encoded.get(message.id())).toList();
        store.accept(lines);
        blocks.add(lines.size());
        created.addAll(lines);
        return () -> {};
    }
}
