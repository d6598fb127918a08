package io.postroom.cli;

import io.postroom.rest.Problem;
import io.postroom.rest.SettingsAnswer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Lists, shows, changes, tests and deletes the entries of external systems. */
final class SettingsCommands {
    private SettingsCommands() {}

    /** Finds an entry in a list; null: there is none. */
    private static @Nullable JsonNode find(Backend backend, String name) {
        for (JsonNode entry : backend.settings().list().path("settings")) {
            if (BackendCommand.text(entry, "name").equals(name)) {
                return entry;
            }
        }
        return null;
    }

    @Command(
            name = "settings",
            mixinStandardHelpOptions = true,
            description = "Lists, shows, changes, tests and deletes the entries of external systems.",
            subcommands = {ListAll.class, Show.class, Set.class, Test.class, Delete.class},
            synopsisSubcommandLabel = "COMMAND")
    static final class Settings implements Runnable {
        @Spec
        @SuppressWarnings("NullAway.Init")
        CommandSpec spec;

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Name list, show, set, test or delete");
        }
    }

    @Command(name = "list", mixinStandardHelpOptions = true, description = "Lists the entries.")
    static final class ListAll extends BackendCommand {
        @Override
        int run(Backend backend) {
            show(backend.settings().list(), answer -> {
                Table table = new Table("NAME", "CHANNEL", "ENDPOINT", "SECRET", "ENABLED", "VERSION", "CHANGED", "BY");
                for (JsonNode entry : answer.path("settings")) {
                    table.row(
                            text(entry, "name"),
                            text(entry, "channel"),
                            text(entry, "endpoint"),
                            text(entry, "secret"),
                            text(entry, "enabled"),
                            text(entry, "version"),
                            time(entry, "changedAt"),
                            text(entry, "changedBy"));
                }
                return table.draw(width());
            });
            return DONE;
        }
    }

    /** Draws an entry, a line for each member. */
    private static String drawn(JsonNode entry) {
        StringBuilder shown = new StringBuilder();
        entry.properties()
                .forEach(member -> shown.append(member.getKey())
                        .append(": ")
                        .append(Table.escaped(BackendCommand.text(entry, member.getKey())))
                        .append('\n'));
        return shown.toString();
    }

    @Command(
            name = "show",
            mixinStandardHelpOptions = true,
            description = "Shows an entry: where its secret is found, never the secret.")
    static final class Show extends BackendCommand {
        @Parameters(paramLabel = "NAME", description = "Name of the entry")
        @SuppressWarnings("NullAway.Init")
        String name;

        @Override
        int run(Backend backend) {
            JsonNode entry = find(backend, name);
            if (entry == null) {
                throw CliException.refused(Problem.unknownSettings(name).detail());
            }
            show(entry, SettingsCommands::drawn);
            return DONE;
        }
    }

    @Command(
            name = "set",
            mixinStandardHelpOptions = true,
            description = "Makes an entry, or changes what is named of it. An empty value takes a member away."
                    + " A change that another person makes meanwhile is not overwritten.")
    static final class Set extends BackendCommand {
        private static final int LONGEST = 1024 * 1024;

        @Parameters(paramLabel = "NAME", description = "Name of the entry")
        @SuppressWarnings("NullAway.Init")
        String name;

        @Option(names = "--channel", description = "As http, mail, file, mailbox or webhook")
        @Nullable
        String channel;

        @Option(names = "--endpoint", paramLabel = "ADDRESS", description = "Where the system is")
        @Nullable
        String endpoint;

        @Option(names = "--attempts", description = "How often a message is tried")
        @Nullable
        String attempts;

        @Option(names = "--retry-after", paramLabel = "WAITS", description = "As in 10s..6h, or 1s, 5s")
        @Nullable
        String retryAfter;

        @Option(
                names = "--secret",
                paramLabel = "REFERENCE",
                description = "Where the secret is found, as in env:KEY or file:/run/secrets/key; never the secret")
        @Nullable
        String secret;

        @Option(names = "--valid-from", paramLabel = "TIME", description = "As in 2027-01-31T12:00:00Z")
        @Nullable
        String validFrom;

        @Option(names = "--valid-until", paramLabel = "TIME", description = "As in 2027-01-31T12:00:00Z")
        @Nullable
        String validUntil;

        @Option(names = "--enabled", paramLabel = "true|false", description = "false: messages wait")
        @Nullable
        Boolean enabled;

        @Option(names = "--header", paramLabel = "NAME=VALUE", description = "May be repeated")
        Map<String, String> headers = new LinkedHashMap<>();

        @Option(names = "--template", paramLabel = "NAME=VALUE", description = "May be repeated")
        Map<String, String> templates = new LinkedHashMap<>();

        @Option(names = "--property", paramLabel = "NAME=VALUE", description = "May be repeated")
        Map<String, String> properties = new LinkedHashMap<>();

        @Option(
                names = "--file",
                paramLabel = "FILE",
                description = "An entry as JSON, which replaces the whole one; -: the standard input")
        @Nullable
        Path file;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            JsonNode before = find(backend, name);
            ObjectNode entry = file != null ? fromFile(file) : SettingsAnswer.members(before);
            put(entry, "channel", channel);
            put(entry, "endpoint", endpoint);
            put(entry, "retryAfter", retryAfter);
            put(entry, "secret", secret);
            put(entry, "validFrom", validFrom);
            put(entry, "validUntil", validUntil);
            if (attempts != null && !attempts.isEmpty()) {
                entry.put("attempts", number(attempts));
            } else if (attempts != null) {
                entry.remove("attempts");
            }
            if (enabled != null) {
                entry.put("enabled", enabled);
            }
            put(entry, "headers", headers);
            put(entry, "templates", templates);
            put(entry, "properties", properties);
            long version = before == null ? 0 : before.path("version").asLong(0);
            show(backend.settings().set(name, entry.toString(), version, reason.given()), SettingsCommands::drawn);
            return DONE;
        }

        private ObjectNode fromFile(Path file) {
            try {
                if (CliJson.MAPPER.readTree(
                                TopologyCommands.read(file, terminal().in(), LONGEST))
                        instanceof ObjectNode entry) {
                    return entry;
                }
            } catch (JacksonException noJson) {
                // refused below
            }
            throw CliException.refused(file + " must be an entry as a JSON object");
        }

        private static int number(String text) {
            try {
                return Integer.parseInt(text);
            } catch (NumberFormatException none) {
                throw CliException.usage("--attempts must be a number, got " + text);
            }
        }

        private static void put(ObjectNode entry, String member, @Nullable String value) {
            if (value != null && value.isEmpty()) {
                entry.remove(member);
            } else if (value != null) {
                entry.put(member, value);
            }
        }

        private static void put(ObjectNode entry, String member, Map<String, String> values) {
            if (!values.isEmpty()) {
                ObjectNode texts = entry.withObject("/" + member);
                values.forEach((name, value) -> put(texts, name, value));
            }
        }
    }

    @Command(
            name = "test",
            mixinStandardHelpOptions = true,
            description = "Asks a server to reach the system of an entry. Exit code 1: it could not.")
    static final class Test extends BackendCommand {
        @Parameters(paramLabel = "NAME", description = "Name of the entry")
        @SuppressWarnings("NullAway.Init")
        String name;

        @Override
        int run(Backend backend) {
            JsonNode verdict = backend.settings().test(name);
            show(verdict, answer -> Table.escaped(text(answer, "text")) + "\n");
            return verdict.path("ok").asBoolean(false) ? DONE : CliException.REFUSED;
        }
    }

    @Command(
            name = "delete",
            mixinStandardHelpOptions = true,
            description = "Deletes an entry. Messages that need it wait; its history stays.")
    static final class Delete extends BackendCommand {
        @Parameters(paramLabel = "NAME", description = "Name of the entry")
        @SuppressWarnings("NullAway.Init")
        String name;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            show(backend.settings().delete(name, reason.given()), answer -> "settings " + name + " are deleted\n");
            return DONE;
        }
    }
}
