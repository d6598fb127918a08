package io.postroom.cli;

import io.postroom.rest.MessageRequest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Commands that create messages, move definitions and migrate the schema. */
final class TopologyCommands {
    private static final JsonMapper JSON = CliJson.MAPPER;
    private static final String STANDARD_INPUT = "-";

    private TopologyCommands() {}

    /** Reads a file, or the standard input, with a bound. */
    static String read(Path file, InputStream in, int most) {
        try (InputStream from = file.toString().equals(STANDARD_INPUT) ? in : Files.newInputStream(file)) {
            byte[] bytes = from.readNBytes(most + 1);
            if (bytes.length > most) {
                throw CliException.refused(file + " must have at most " + most + " bytes");
            }
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(java.nio.ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException notUtf8) {
            throw CliException.refused(file + " is not UTF-8");
        } catch (IOException unreadable) {
            throw CliException.usage(file + " cannot be read");
        }
    }

    @Command(
            name = "migrate",
            mixinStandardHelpOptions = true,
            description = "Brings the schema of a database (--db) to this version. A repeat changes nothing.")
    static final class Migrate extends BackendCommand {
        @Override
        int run(Backend backend) {
            show(backend.migrate(), answer -> "The schema postroom is up to date\n");
            return DONE;
        }
    }

    @Command(name = "create", mixinStandardHelpOptions = true, description = "Creates a message.")
    static final class Create extends BackendCommand {
        private static final int LONGEST_PAYLOAD = 2 * 1024 * 1024;

        @Parameters(
                index = "0",
                arity = "0..1",
                paramLabel = "QUEUE",
                description = "Name of the queue; left out with --exchange")
        @Nullable
        String queue;

        @Option(names = "--payload", paramLabel = "JSON", description = "The payload; default null")
        @Nullable
        String payload;

        @Option(
                names = "--payload-file",
                paramLabel = "FILE",
                description = "A file with the payload; -: the standard input")
        @Nullable
        Path file;

        @Option(names = "--exchange", description = "An exchange that chooses the queues")
        @Nullable
        String exchange;

        @Option(names = "--routing-key", description = "With --exchange: the key that bindings look at")
        @Nullable
        String routingKey;

        @Option(names = "--type", description = "Type of the message")
        @Nullable
        String type;

        @Option(names = "--type-version", description = "Version of the type; default 1")
        @Nullable
        Integer version;

        @Option(names = "--id", description = "A UUID of version 7: a repeat is recognised by it")
        @Nullable
        UUID id;

        @Option(names = "--delay", description = "Waits so long, as in 10s or 2h")
        @Nullable
        String delay;

        @Option(names = "--time-to-live", description = "Expires after so long")
        @Nullable
        String timeToLive;

        @Option(names = "--priority", description = "9 first, 0 last; default 4")
        @Nullable
        Integer priority;

        @Option(names = "--correlation-id", description = "The business process it belongs to")
        @Nullable
        String correlationId;

        @Option(names = "--group", description = "The messages it runs in order with")
        @Nullable
        String group;

        @Option(names = "--deduplication-key", description = "A second message with this key is recognised")
        @Nullable
        String deduplicationKey;

        @Option(names = "--header", paramLabel = "NAME=VALUE", description = "A header; may be repeated")
        Map<String, String> headers = new LinkedHashMap<>();

        @Override
        int run(Backend backend) {
            if (payload != null && file != null) {
                throw CliException.usage("Give --payload or --payload-file, not both");
            }
            String content = file == null ? payload : read(file, terminal().in(), LONGEST_PAYLOAD);
            option(() -> MessageRequest.read(request("null"), null));
            show(
                    backend.create(request(content == null ? "null" : content)),
                    answer -> text(answer, "id") + (answer.path("isNew").asBoolean(true) ? "" : " was there already")
                            + "\n");
            return DONE;
        }

        /** Puts the payload's text in as it stands, so that its numbers keep their digits. It is one JSON value: that is checked before. */
        private String request(String content) {
            try {
                JSON.readTree(content);
            } catch (JacksonException noJson) {
                throw CliException.refused("payload must be JSON: " + noJson.getOriginalMessage());
            }
            ObjectNode request = JSON.createObjectNode();
            CliJson.put(request, "queue", queue);
            CliJson.put(request, "exchange", exchange);
            CliJson.put(request, "routingKey", routingKey);
            CliJson.put(request, "type", type);
            CliJson.put(request, "id", id == null ? null : id.toString());
            CliJson.put(request, "delay", delay);
            CliJson.put(request, "timeToLive", timeToLive);
            CliJson.put(request, "correlationId", correlationId);
            CliJson.put(request, "group", group);
            CliJson.put(request, "deduplicationKey", deduplicationKey);
            CliJson.put(request, "version", version);
            CliJson.put(request, "priority", priority);
            CliJson.put(request, "headers", headers);
            String members = request.toString();
            return members.substring(0, members.length() - 1) + (request.isEmpty() ? "" : ",") + "\"payload\":"
                    + content + "}";
        }
    }

    @Command(
            name = "import-definitions",
            mixinStandardHelpOptions = true,
            description = "Declares the queues, exchanges and bindings of a file, all or nothing, and reports each."
                    + " Exit code 1: something was refused.")
    static final class Import extends BackendCommand {
        @Parameters(paramLabel = "FILE", description = "The definitions file; -: the standard input")
        @SuppressWarnings("NullAway.Init")
        Path file;

        @Option(names = "--dry-run", description = "Declare nothing, and report what would be")
        boolean dryRun;

        @Option(
                names = "--rename",
                paramLabel = "OLD=NEW",
                description = "Give a queue or exchange of the file another name; may be repeated")
        List<String> renames = List.of();

        @Option(names = "--rabbitmq", description = "The file is one of RabbitMQ")
        boolean rabbitMq;

        @Option(names = "--virtual-host", description = "With --rabbitmq: whose definitions are taken")
        @Nullable
        String virtualHost;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            for (String rename : renames) {
                if (rename.lastIndexOf('=') < 1) {
                    throw CliException.usage("--rename must be two names as old=new, got " + rename);
                }
            }
            String definitions = read(file, terminal().in(), io.postroom.api.Definitions.LONGEST_FILE);
            JsonNode report = backend.importDefinitions(
                    definitions,
                    new Backend.Definitions(rabbitMq, Optional.ofNullable(virtualHost)),
                    dryRun,
                    renames,
                    reason.given());
            boolean isRefused = false;
            Table table = new Table("RESULT", "DEFINITION", "TEXT");
            for (JsonNode line : report.path("lines")) {
                isRefused |= text(line, "result").equals("REFUSED");
                table.row(text(line, "result"), text(line, "definition"), text(line, "text"));
            }
            show(
                    report,
                    answer -> table.draw(width())
                            + (answer.path("dryRun").asBoolean(false) ? "Nothing was declared: a dry run\n" : ""));
            return isRefused ? CliException.REFUSED : DONE;
        }
    }

    @Command(
            name = "export-definitions",
            mixinStandardHelpOptions = true,
            description = "Writes queues, exchanges and bindings as a definitions file.")
    static final class Export extends BackendCommand {
        @Option(names = "--rabbitmq", description = "Write a file that RabbitMQ can import")
        boolean rabbitMq;

        @Option(names = "--virtual-host", description = "With --rabbitmq: the name of the virtual host; default /")
        @Nullable
        String virtualHost;

        @Override
        int run(Backend backend) {
            terminal()
                    .write(backend.exportDefinitions(
                            new Backend.Definitions(rabbitMq, Optional.ofNullable(virtualHost))));
            return DONE;
        }
    }
}
