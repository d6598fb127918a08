package io.postroom.internal.definitions;

import io.postroom.api.InvalidMessageException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * A definitions file of RabbitMQ, member by member. A member of the wrong type is refused with its place, as in {@code queues[3].name}.
 * Members that are not known here are passed over: each version of the broker has others.
 */
final class RabbitMqFile {
    private static final List<String> LISTS = List.of("exchanges", "queues", "bindings", "policies");

    private final JsonNode root;
    private final String virtualHost;

    private RabbitMqFile(JsonNode root, String virtualHost) {
        this.root = root;
        this.virtualHost = virtualHost;
    }

    /**
     * @param wanted the virtual host; empty: the only one that has definitions
     * @throws InvalidMessageException the text is no definitions file, or has several virtual hosts and none was named
     */
    static RabbitMqFile read(String text, Optional<String> wanted) {
        JsonNode root = Entry.parse(text);
        if (!root.isObject() || LISTS.stream().noneMatch(root::has)) {
            throw new InvalidMessageException(
                    "file",
                    "a JSON object with exchanges, queues or bindings, as rabbitmqctl export_definitions writes it",
                    Entry.shown(root));
        }
        RabbitMqFile all = new RabbitMqFile(root, "");
        return new RabbitMqFile(root, virtualHost(all.virtualHosts(), wanted));
    }

    private static String virtualHost(Set<String> known, Optional<String> wanted) {
        String names = String.join(", ", known);
        if (wanted.isPresent()) {
            if (!known.contains(wanted.get())) {
                throw new InvalidMessageException("virtualHost", "one with definitions: " + names, wanted.get());
            }
            return wanted.get();
        } else if (known.size() > 1) {
            throw new InvalidMessageException("virtualHost", "named, since the file has several: " + names, "none");
        }
        return known.isEmpty() ? "" : known.iterator().next();
    }

    /** The virtual hosts that have definitions. A file of one virtual host alone names none. */
    private Set<String> virtualHosts() {
        Set<String> names = new LinkedHashSet<>();
        for (String list : LISTS) {
            all(list).forEach(entry -> names.add(entry.optionalText("vhost").orElse("")));
        }
        return names;
    }

    List<Entry> exchanges() {
        return ofVirtualHost("exchanges");
    }

    List<Entry> queues() {
        return ofVirtualHost("queues");
    }

    List<Entry> bindings() {
        return ofVirtualHost("bindings");
    }

    List<Entry> policies() {
        return ofVirtualHost("policies");
    }

    /** How many objects a list of any kind has, whichever virtual host they belong to. */
    int count(String list) {
        JsonNode value = root.get(list);
        return value == null ? 0 : value.size();
    }

    private List<Entry> ofVirtualHost(String list) {
        return all(list).stream()
                .filter(entry -> entry.optionalText("vhost").orElse("").equals(virtualHost))
                .toList();
    }

    private List<Entry> all(String list) {
        return Entry.list(root, list);
    }
}
