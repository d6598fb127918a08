package io.postroom.channel.file;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.handler.MessageContext;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Turns messages into lines of NDJSON or CSV, in UTF-8, each with its line end. Thread-safe. */
final class Lines {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();
    /** Digits behind the point, or zeros in front of it: as many as a stored payload can have. */
    private static final int MOST_DIGITS = Limits.NUMBER_EXPONENT + Limits.NUMBER_LENGTH;

    private static final String CSV_END = "\r\n";

    private final OutboxSettings settings;

    Lines(OutboxSettings settings) {
        this.settings = settings;
    }

    /** The first line of a file; empty for NDJSON. */
    byte[] header() {
        if (settings.format() != OutboxSettings.Format.CSV) {
            return new byte[0];
        }
        return csv(settings.columns().stream().map(Column::header).toList());
    }

    /**
     * What the line of this message begins with, and no other line; empty: lines do not begin with the id, so a repeat is not recognised.
     */
    Optional<byte[]> beginning(MessageContext message) {
        List<Column> columns = settings.columns();
        if (!columns.isEmpty() && !columns.get(0).isId()) {
            return Optional.empty();
        }
        String text;
        if (settings.format() == OutboxSettings.Format.NDJSON) {
            text = "{\"id\":\"" + message.id() + "\"";
        } else {
            text = message.id() + (columns.size() == 1 ? CSV_END : String.valueOf(settings.separator()));
        }
        return Optional.of(text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * @param payload as JSON
     * @throws InvalidMessageException a codec of the host's wrote something that is not JSON
     */
    byte[] line(MessageContext message, byte[] payload) {
        if (settings.columns().isEmpty()) {
            return envelope(message, payload);
        }
        JsonNode node = read(payload);
        if (settings.format() == OutboxSettings.Format.CSV) {
            return csv(settings.columns().stream()
                    .map(column -> text(column.valueOf(message, node)))
                    .collect(Collectors.toList()));
        }
        ObjectNode line = JSON.createObjectNode();
        settings.columns().forEach(column -> line.set(column.header(), column.valueOf(message, node)));
        return (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] envelope(MessageContext message, byte[] payload) {
        ObjectNode head = JSON.createObjectNode();
        head.put("id", message.id().toString());
        head.put("createdAt", message.createdAt().toString());
        if (!message.type().isEmpty()) {
            head.put("type", message.type()).put("version", message.version());
        }
        message.correlationId().ifPresent(id -> head.put("correlationId", id));
        byte[] start = JSON.writeValueAsString(head).getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream line = new ByteArrayOutputStream(start.length + payload.length + 16);
        line.write(start, 0, start.length - 1);
        line.writeBytes(",\"payload\":".getBytes(StandardCharsets.UTF_8));
        for (byte b : payload) {
            line.write(b == '\n' || b == '\r' ? ' ' : b); // in JSON they stand between values only
        }
        line.writeBytes("}\n".getBytes(StandardCharsets.UTF_8));
        return line.toByteArray();
    }

    private static JsonNode read(byte[] payload) {
        try {
            return JSON.readTree(payload);
        } catch (JacksonException noJson) {
            throw new InvalidMessageException("payload", "JSON", new String(payload, StandardCharsets.UTF_8));
        }
    }

    /** Null stays null; objects and arrays are written as JSON; a number has no exponent, for readers that know none. */
    private static @Nullable String text(JsonNode value) {
        if (value.isNull()) {
            return null;
        } else if (value.isBigDecimal() && Math.abs((long) value.decimalValue().scale()) <= MOST_DIGITS) {
            return value.decimalValue().toPlainString();
        }
        return value.isContainer() ? JSON.writeValueAsString(value) : value.asString();
    }

    /** Null is nothing, and the empty text is {@code ""}, as COPY of PostgreSQL writes and reads them. */
    private byte[] csv(List<@Nullable String> values) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < values.size(); i++) {
            String value = values.get(i);
            line.append(i == 0 ? "" : String.valueOf(settings.separator()));
            if (value != null && needsQuotes(value)) {
                line.append('"').append(value.replace("\"", "\"\"")).append('"');
            } else if (value != null) {
                line.append(value);
            }
        }
        return line.append(CSV_END).toString().getBytes(StandardCharsets.UTF_8);
    }

    private boolean needsQuotes(String value) {
        return value.isEmpty()
                || value.indexOf(settings.separator()) >= 0
                || value.indexOf('"') >= 0
                || value.indexOf('\n') >= 0
                || value.indexOf('\r') >= 0
                || value.startsWith(" ")
                || value.endsWith(" ");
    }
}
