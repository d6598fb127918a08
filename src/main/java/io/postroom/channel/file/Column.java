package io.postroom.channel.file;

import io.postroom.api.InvalidMessageException;
import io.postroom.handler.MessageContext;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * A value of a line: of the message, as in <code>{id}</code>, or a member of its payload, as in {@code customer.name}.
 *
 * @param header the name of the column
 * @param path of the member, empty for a value of the message
 */
record Column(String header, List<String> path) {
    static final String ID = "id";

    private static final int MOST = 200;
    private static final Set<String> OF_THE_MESSAGE =
            Set.of(ID, "queue", "type", "version", "correlationId", "createdAt");

    /** @param text columns with commas between them; empty: none */
    static List<Column> list(String text) {
        List<Column> columns = new ArrayList<>();
        Set<String> headers = new HashSet<>();
        for (String word : text.isBlank() ? new String[0] : text.split(",", -1)) {
            Column column = of(word.strip());
            if (!headers.add(column.header) || columns.size() == MOST) {
                throw new InvalidMessageException(
                        "properties.columns", "at most " + MOST + " with different names", column.header);
            }
            columns.add(column);
        }
        return List.copyOf(columns);
    }

    private static Column of(String word) {
        if (word.startsWith("{") && word.endsWith("}")) {
            String name = word.substring(1, word.length() - 1);
            if (OF_THE_MESSAGE.contains(name)) {
                return new Column(name, List.of());
            }
        } else if (!word.isEmpty() && word.chars().noneMatch(c -> c < ' ' || c == '{' || c == '}')) {
            return new Column(word, List.of(word.split("\\.", -1)));
        }
        throw new InvalidMessageException(
                "properties.columns",
                "members of the payload, as in customer.name, or {id} {queue} {type} {version} {correlationId} {createdAt}",
                word);
    }

    boolean isId() {
        return path.isEmpty() && header.equals(ID);
    }

    JsonNode valueOf(MessageContext message, JsonNode payload) {
        if (!path.isEmpty()) {
            JsonNode value = payload;
            for (String member : path) {
                value = value.path(member);
            }
            return value.isMissingNode() ? JsonNodeFactory.instance.nullNode() : value;
        }
        JsonNodeFactory nodes = JsonNodeFactory.instance;
        return switch (header) {
            case ID -> nodes.stringNode(message.id().toString());
            case "queue" -> nodes.stringNode(message.queue());
            case "type" -> nodes.stringNode(message.type());
            case "version" -> nodes.numberNode(message.version());
            case "createdAt" -> nodes.stringNode(message.createdAt().toString());
            default -> message.correlationId().<JsonNode>map(nodes::stringNode).orElseGet(nodes::nullNode);
        };
    }
}
