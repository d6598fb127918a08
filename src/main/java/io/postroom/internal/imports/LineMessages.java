package io.postroom.internal.imports;

import io.postroom.api.CreateMessage;
import io.postroom.api.Deduplication;
import io.postroom.api.Direction;
import io.postroom.api.FileImport;
import io.postroom.api.InvalidMessageException;
import io.postroom.internal.storage.NewMessage;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.json.JsonMapper;

/** Makes the messages of a file. Thread-safe. */
final class LineMessages {
    /** With all digits of a number: it may be a key. */
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(JsonNodeFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    private final FileImport settings;
    private final ImportedMessages messages;
    private final String file;

    /** @param file its name, as {@link Inbox#shown} has it */
    LineMessages(FileImport settings, ImportedMessages messages, String file) {
        this.settings = settings;
        this.messages = messages;
        this.file = file;
    }

    /** @throws InvalidMessageException it is no message */
    NewMessage ofLine(String json, long line) {
        CreateMessage message = ofJson(json).header(FileImport.FILE_LINE, String.valueOf(line));
        if (settings.key().isPresent()) {
            String column = settings.key().get();
            JsonNode value = read(json).path(column);
            if (value.isMissingNode() || value.isNull() || value.isContainer()) {
                throw new InvalidMessageException(column, "given: it is the deduplication key", "");
            }
            message = message.deduplicate(value.asString(), Deduplication.untilPurged());
        }
        return messages.encode(message);
    }

    private static JsonNode read(String json) {
        try {
            return JSON.readTree(json);
        } catch (JacksonException noJson) {
            throw new InvalidMessageException("payload", "JSON", json, noJson.getOriginalMessage());
        }
    }

    /** @throws InvalidMessageException it is no message */
    NewMessage ofFile(byte[] content, String text) {
        if (settings.format() == FileImport.Format.JSON) {
            return messages.encode(ofJson(text));
        }
        String contentType = "application/octet-stream";
        CreateMessage message = CreateMessage.to(settings.queue());
        return messages.encode(named(
                settings.type().isEmpty()
                        ? message.body(content, contentType)
                        : message.body(settings.type(), settings.version(), content, contentType)));
    }

    private CreateMessage ofJson(String json) {
        CreateMessage message = CreateMessage.to(settings.queue());
        return named(
                settings.type().isEmpty()
                        ? message.json(json)
                        : message.json(settings.type(), settings.version(), json));
    }

    private CreateMessage named(CreateMessage message) {
        return message.direction(Direction.INCOMING).header(FileImport.FILE_NAME, file);
    }
}
