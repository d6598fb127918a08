package io.postroom.internal.definitions;

import io.postroom.api.Definitions;
import io.postroom.api.InvalidMessageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A definitions file of RabbitMQ, member by member. A member of the wrong type is refused with its place, as in {@code queues[3].name}.
 * Members that are not known here are passed over: each version of the broker has others.
 */
final class RabbitMqFile {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int SHOWN = 80;
    private static final List<String> LISTS = List.of("exchanges", "queues", "bindings", "policies");

    private final JsonNode root;
    private final String virtualHost;

    private RabbitMqFile(JsonNode root, String virtualHost) {
        this.root = root;
        this.virtualHost = virtualHost;
    }

    /** One definition: an object of a list, and where it stands. */
    record Entry(String place, JsonNode object) {
        String text(String member) {
            return optionalText(member)
                    .orElseThrow(() -> new InvalidMessageException(place + "." + member, "a string", "nothing"));
        }

        Optional<String> optionalText(String member) {
            JsonNode value = object.get(member);
            if (value == null || value.isNull()) {
                return Optional.empty();
            } else if (!value.isString()) {
                throw new InvalidMessageException(place + "." + member, "a string", shown(value));
            }
            return Optional.of(value.stringValue());
        }

        boolean flag(String member) {
            JsonNode value = object.get(member);
            if (value == null || value.isNull()) {
                return false;
            } else if (!value.isBoolean()) {
                throw new InvalidMessageException(place + "." + member, "true or false", shown(value));
            }
            return value.booleanValue();
        }

        int number(String member) {
            JsonNode value = object.get(member);
            if (value == null || value.isNull()) {
                return 0;
            } else if (!value.isInt()) {
                throw new InvalidMessageException(place + "." + member, "a whole number of 32 bits", shown(value));
            }
            return value.intValue();
        }

        Map<String, JsonNode> members(String member) {
            JsonNode value = object.get(member);
            if (value == null || value.isNull()) {
                return Map.of();
            } else if (!value.isObject()) {
                throw new InvalidMessageException(place + "." + member, "an object", shown(value));
            }
            Map<String, JsonNode> members = new LinkedHashMap<>();
            value.properties().forEach(entry -> members.put(entry.getKey(), entry.getValue()));
            return members;
        }
    }

    /**
     * @param wanted the virtual host; empty: the only one that has definitions
     * @throws InvalidMessageException the text is no definitions file, or has several virtual hosts and none was named
     */
    static RabbitMqFile read(String text, Optional<String> wanted) {
        if (text.length() > Definitions.LONGEST_FILE) {
            throw new InvalidMessageException(
                    "file", "at most " + Definitions.LONGEST_FILE + " characters", text.length() + " characters");
        }
        JsonNode root;
        try {
            root = JSON.readTree(text);
        } catch (JacksonException notJson) {
            String why = String.valueOf(notJson.getOriginalMessage());
            throw new InvalidMessageException(
                    "file", "JSON", why.length() > SHOWN ? why.substring(0, SHOWN) : why, "Is it whole?");
        }
        if (!root.isObject() || LISTS.stream().noneMatch(root::has)) {
            throw new InvalidMessageException(
                    "file",
                    "a JSON object with exchanges, queues or bindings, as rabbitmqctl export_definitions writes it",
                    shown(root));
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
        JsonNode value = root.get(list);
        if (value == null || value.isNull()) {
            return List.of();
        } else if (!value.isArray()) {
            throw new InvalidMessageException(list, "a list", shown(value));
        }
        List<Entry> entries = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            String place = list + "[" + i + "]";
            if (!value.get(i).isObject()) {
                throw new InvalidMessageException(place, "an object", shown(value.get(i)));
            }
            entries.add(new Entry(place, value.get(i)));
        }
        return entries;
    }

    static String shown(@Nullable JsonNode value) {
        String text = String.valueOf(value);
        return text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
    }
}
