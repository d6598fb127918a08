package io.postroom.cli;

import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Commands that look at queues and messages. */
final class LookCommands {
    private static final JsonMapper JSON = CliJson.MAPPER;
    private static final int LONGEST_PAYLOAD = 4000;

    private static final List<String> COUNTS = List.of("ready", "delayed", "inProgress", "dead");
    /** The end of the members that say that a count stopped at its bound. */
    private static final String MORE = "More";

    private LookCommands() {}

    private static boolean isBounded(JsonNode counts, String name) {
        return counts.path(name + MORE).asBoolean(false);
    }

    /** Returns a count as a text, with a plus behind it where it stopped at its bound. */
    private static String count(JsonNode counts, String name) {
        return BackendCommand.text(counts, name) + (isBounded(counts, name) ? "+" : "");
    }

    @Command(
            name = "status",
            mixinStandardHelpOptions = true,
            description = "Shows how things stand in a few lines, and what needs a look.")
    static final class Status extends WatchedCommand {
        private static final int LAST_OPERATIONS = 100;

        @Override
        int run(Backend backend) {
            return showAgain(() -> status(backend), Status::forPeople);
        }

        private static ObjectNode status(Backend backend) {
            ObjectNode status = JSON.createObjectNode();
            ArrayNode attention = JSON.createArrayNode();
            long[] sums = new long[COUNTS.size()];
            Set<String> more = new TreeSet<>();
            int queues = 0;
            String oldest = "";
            String oldestQueue = "";
            JsonNode answer = backend.queues();
            answer.path(DOWN).forEach(home -> attention.add(home.asString()));
            for (JsonNode queue : answer.path("queues")) {
                queues++;
                for (int i = 0; i < sums.length; i++) {
                    sums[i] += queue.path(COUNTS.get(i)).asLong(0);
                    if (isBounded(queue, COUNTS.get(i))) {
                        more.add(COUNTS.get(i) + MORE);
                    }
                }
                lookAt(queue, attention);
                String head = text(queue, "oldestReadyAt");
                if (!head.isEmpty() && (oldest.isEmpty() || Instant.parse(head).isBefore(Instant.parse(oldest)))) {
                    oldest = head;
                    oldestQueue = nameOf(queue);
                }
            }
            status.put("queues", queues);
            for (int i = 0; i < sums.length; i++) {
                status.put(COUNTS.get(i), sums[i]);
            }
            more.forEach(mark -> status.put(mark, true));
            if (!oldest.isEmpty()) {
                status.put("oldestReadyAt", oldest).put("oldestReadyQueue", oldestQueue);
            }
            int running = 0;
            for (JsonNode operation : backend.operations(LAST_OPERATIONS).path("operations")) {
                running += text(operation, "state").equals("running") ? 1 : 0;
            }
            status.put("runningOperations", running);
            status.set("attention", attention);
            return status;
        }

        /** Two homes may have a queue of the same name. */
        private static String nameOf(JsonNode queue) {
            return text(queue, "queue") + (queue.has("home") ? " on home " + text(queue, "home") : "");
        }

        private static void lookAt(JsonNode queue, ArrayNode attention) {
            String name = nameOf(queue);
            long ready = queue.path("ready").asLong(0);
            if (queue.path("paused").asBoolean(false)) {
                attention.add("queue " + name + " is paused");
            } else if (ready > 0 && queue.path("consumers").asLong(0) == 0) {
                attention.add("queue " + name + " has " + count(queue, "ready") + " READY messages and no consumer");
            }
            if (queue.has("parkedUntil")) {
                attention.add("queue " + name + " waits until " + BackendCommand.time(queue, "parkedUntil")
                        + ": its destination " + text(queue, "destination") + " takes nothing");
            }
            if (queue.path("dead").asLong(0) > 0) {
                attention.add("queue " + name + " has " + count(queue, "dead") + " dead letters");
            }
        }

        private static String forPeople(JsonNode status) {
            StringBuilder shown = new StringBuilder();
            shown.append("queues              ").append(text(status, "queues")).append('\n');
            shown.append("ready               ").append(count(status, "ready")).append('\n');
            shown.append("delayed             ")
                    .append(count(status, "delayed"))
                    .append('\n');
            shown.append("in progress         ")
                    .append(text(status, "inProgress"))
                    .append('\n');
            shown.append("dead                ").append(count(status, "dead")).append('\n');
            shown.append("running operations  ")
                    .append(text(status, "runningOperations"))
                    .append('\n');
            if (status.has("oldestReadyAt")) {
                shown.append("oldest ready        ")
                        .append(age(text(status, "oldestReadyAt")))
                        .append(" in queue ")
                        .append(Table.escaped(text(status, "oldestReadyQueue")))
                        .append('\n');
            }
            status.path("attention")
                    .forEach(line -> shown.append("! ")
                            .append(Table.escaped(line.asString()))
                            .append('\n'));
            return shown.toString();
        }
    }

    /** Says how long ago a time was, by this process's clock. */
    static String age(String time) {
        if (time.isEmpty()) {
            return "";
        }
        long seconds =
                Math.max(0, Duration.between(Instant.parse(time), Instant.now()).toSeconds());
        if (seconds < 120) {
            return seconds + " s";
        } else if (seconds < 7200) {
            return seconds / 60 + " min";
        }
        return seconds < 172_800 ? seconds / 3600 + " h" : seconds / 86_400 + " days";
    }

    @Command(name = "queues", mixinStandardHelpOptions = true, description = "Lists queues with their counts.")
    static final class Queues extends WatchedCommand {
        @Override
        int run(Backend backend) {
            return showAgain(backend::queues, answer -> {
                Table table =
                        new Table("QUEUE", "READY", "DELAYED", "IN PROGRESS", "DEAD", "CONSUMERS", "STATE", "OLDEST");
                for (JsonNode queue : answer.path("queues")) {
                    table.row(
                            queue,
                            text(queue, "queue"),
                            count(queue, "ready"),
                            count(queue, "delayed"),
                            text(queue, "inProgress"),
                            count(queue, "dead"),
                            text(queue, "consumers"),
                            state(queue),
                            age(text(queue, "oldestReadyAt")));
                }
                return table.draw(width());
            });
        }
    }

    /** Says what holds the messages of a queue back, or may do so. */
    private static String state(JsonNode queue) {
        if (queue.path("paused").asBoolean(false)) {
            return "paused";
        } else if (queue.has("parkedUntil")) {
            return "parked";
        }
        return queue.path("limited").asBoolean(false) ? "limited" : "";
    }

    @Command(
            name = "messages",
            mixinStandardHelpOptions = true,
            description = "Lists messages that match all that is given, the newest first.")
    static final class Messages extends BackendCommand {
        private static final int PAGE = 200;

        @Option(names = "--queue", description = "Name of the queue")
        @Nullable
        String queue;

        @Option(
                names = "--state",
                split = ",",
                description = "Any of these states, with commas between: ${COMPLETION-CANDIDATES}")
        List<MessageState> states = List.of();

        @Option(names = "--type", description = "Type, whatever version")
        @Nullable
        String type;

        @Option(names = "--correlation-id", description = "Correlation id, compared exactly")
        @Nullable
        String correlationId;

        @Option(
                names = "--header",
                paramLabel = "NAME=VALUE",
                description = "A header with this value; with several all of them")
        Map<String, String> headers = new LinkedHashMap<>();

        @Option(names = "--fingerprint", description = "Fingerprint of a dead letter's error")
        @Nullable
        String fingerprint;

        @Option(names = "--created-from", description = "First time of creation, with a zone: 2030-01-31T08:00:00Z")
        @Nullable
        OffsetDateTime from;

        @Option(names = "--created-to", description = "First time after it")
        @Nullable
        OffsetDateTime to;

        @Option(names = "--before", description = "Id of the last message of the page before")
        @Nullable
        UUID before;

        @Option(names = "--limit", defaultValue = "50", description = "Most messages, 1 to 10000; default 50")
        int limit;

        @Override
        int run(Backend backend) {
            MessageFilter filter = option(() -> new MessageFilter(
                    Optional.ofNullable(queue),
                    Set.copyOf(states),
                    Optional.ofNullable(type),
                    Optional.ofNullable(correlationId),
                    headers,
                    Optional.ofNullable(fingerprint),
                    Optional.ofNullable(from).map(OffsetDateTime::toInstant),
                    Optional.ofNullable(to).map(OffsetDateTime::toInstant),
                    Optional.ofNullable(before),
                    limit));
            ArrayNode found = JSON.createArrayNode();
            ObjectNode answer = JSON.createObjectNode();
            while (found.size() < limit) {
                int page = Math.min(PAGE, limit - found.size());
                JsonNode given = backend.messages(filter.limit(page));
                if (given.has(DOWN)) {
                    answer.set(DOWN, given.path(DOWN));
                }
                ArrayNode more = (ArrayNode) given.path("messages");
                found.addAll(more);
                if (more.size() < page) {
                    break;
                }
                filter = filter.before(UUID.fromString(text(more.get(more.size() - 1), "id")));
            }
            answer.set("messages", found);
            show(answer, this::table);
            return DONE;
        }

        private String table(JsonNode answer) {
            Table table = new Table("ID", "CREATED", "QUEUE", "STATE", "TYPE", "FAILURES", "ERROR");
            for (JsonNode message : answer.path("messages")) {
                for (JsonNode entry : message.path("entries")) {
                    table.row(
                            message,
                            text(message, "id"),
                            time(message, "createdAt"),
                            text(entry, "queue"),
                            text(entry, "state"),
                            text(message, "type"),
                            text(entry, "failures"),
                            text(entry, "error"));
                }
            }
            return table.draw(width());
        }
    }

    @Command(
            name = "message",
            mixinStandardHelpOptions = true,
            description = "Shows a message: what it is, where it stands, what happened to it.")
    static final class OneMessage extends BackendCommand {
        @Parameters(paramLabel = "ID", description = "Id of the message")
        @SuppressWarnings("NullAway.Init")
        UUID id;

        @Override
        int run(Backend backend) {
            show(backend.message(id), this::forPeople);
            return DONE;
        }

        private String forPeople(JsonNode message) {
            StringBuilder shown = new StringBuilder();
            for (String name : new String[] {
                "home",
                "id",
                "type",
                "version",
                "direction",
                "priority",
                "correlationId",
                "exchange",
                "routingKey",
                "group",
                "createdAt",
                "expiresAt",
                "contentType"
            }) {
                if (!text(message, name).isEmpty()) {
                    shown.append(pair(name, text(message, name)));
                }
            }
            message.path("headers")
                    .properties()
                    .forEach(header -> shown.append(pair(
                            "header " + Table.escaped(header.getKey()),
                            header.getValue().asString(""))));
            String payload = message.has("payload") ? text(message, "payload") : text(message, "body");
            shown.append(pair(
                    message.has("payload") ? "payload" : "body",
                    payload.length() > LONGEST_PAYLOAD
                            ? payload.substring(0, LONGEST_PAYLOAD) + "… (" + payload.length()
                                    + " characters, whole with --json)"
                            : payload));
            Table entries = new Table("QUEUE", "STATE", "FAILURES", "CRASHES", "DELIVERIES", "DUE", "ERROR");
            for (JsonNode entry : message.path("entries")) {
                entries.row(
                        text(entry, "queue"),
                        text(entry, "state"),
                        text(entry, "failures"),
                        text(entry, "crashes"),
                        text(entry, "deliveries"),
                        time(entry, "dueAt"),
                        text(entry, "error"));
            }
            shown.append('\n').append(entries.draw(width()));
            Table history = new Table("FINISHED", "QUEUE", "NUMBER", "OUTCOME", "WORKER", "ERROR OR NOTE");
            for (JsonNode attempt : message.path("history")) {
                history.row(
                        time(attempt, "finishedAt"),
                        text(attempt, "queue"),
                        text(attempt, "number"),
                        text(attempt, "outcome"),
                        text(attempt, "worker"),
                        text(attempt, attempt.has("error") ? "error" : "note"));
            }
            return history.isEmpty()
                    ? shown.toString()
                    : shown.append('\n').append(history.draw(width())).toString();
        }

        private static String pair(String name, String value) {
            return name + ": " + Table.escaped(value) + "\n";
        }
    }

    @Command(
            name = "explain",
            mixinStandardHelpOptions = true,
            description = "Says why a message is not running now, the most important cause first.")
    static final class Explain extends BackendCommand {
        @Parameters(paramLabel = "ID", description = "Id of the message")
        @SuppressWarnings("NullAway.Init")
        UUID id;

        @Override
        int run(Backend backend) {
            show(backend.explain(id), answer -> {
                List<String> lines = new ArrayList<>();
                answer.path("home").asStringOpt().ifPresent(home -> lines.add("home " + home + "\n"));
                answer.path("explain").forEach(line -> lines.add(Table.escaped(line.asString()) + "\n"));
                return String.join("", lines);
            });
            return DONE;
        }
    }
}
