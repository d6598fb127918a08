package io.postroom.cli;

import io.postroom.api.BulkSettings;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Commands that look at dead letters, redrive and discard them. */
final class DeadLetterCommands {
    private static final long BETWEEN_LOOKS = 500;

    private DeadLetterCommands() {}

    @Command(
            name = "dead-letters",
            mixinStandardHelpOptions = true,
            description =
                    "Shows what a filter matches: how many, the most frequent errors, the ten oldest. Without a filter: all.")
    static final class DeadLetters extends BackendCommand {
        @Mixin
        @SuppressWarnings("NullAway.Init")
        DeadLetterOptions filter;

        @Override
        int run(Backend backend) {
            show(
                    backend.preview(filter.isEmpty() ? "{\"all\":true}" : filter.json()),
                    preview -> preview(preview, width()));
            return DONE;
        }
    }

    private static String preview(JsonNode preview, int width) {
        StringBuilder shown = new StringBuilder(counted(preview)).append(" dead letters\n");
        Table errors = new Table("COUNT", "FINGERPRINT", "NEWEST", "ERROR");
        for (JsonNode group : preview.path("fingerprints")) {
            errors.row(
                    BackendCommand.text(group, "count"),
                    BackendCommand.text(group, "fingerprint"),
                    BackendCommand.time(group, "newestAt"),
                    BackendCommand.text(group, "error"));
        }
        Table first = new Table("ID", "QUEUE", "DEAD SINCE", "REASON", "TYPE", "ERROR");
        for (JsonNode letter : preview.path("first")) {
            first.row(
                    letter,
                    BackendCommand.text(letter, "id"),
                    BackendCommand.text(letter, "queue"),
                    BackendCommand.time(letter, "deadAt"),
                    BackendCommand.text(letter, "reason"),
                    BackendCommand.text(letter, "type"),
                    BackendCommand.text(letter, "error"));
        }
        if (!first.isEmpty()) {
            shown.append('\n').append(errors.draw(width)).append('\n').append(first.draw(width));
        }
        return shown.toString();
    }

    private static String counted(JsonNode preview) {
        return BackendCommand.text(preview, "count") + (preview.path("more").asBoolean(false) ? " or more" : "");
    }

    /** What redrive and discard have in common: one letter by its id, or an operation on all that match. */
    abstract static class Bulk extends BackendCommand {
        @Parameters(
                paramLabel = "ID",
                arity = "0..1",
                description = "A single dead letter; without it, those of a filter")
        @Nullable
        UUID id;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        DeadLetterOptions filter;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Option(names = "--per-second", defaultValue = "100", description = "Most letters a second; default 100")
        int perSecond;

        @Option(names = "--yes", description = "Do it without a question; needed where no person sits in front of it")
        boolean yes;

        @Option(
                names = "--wait",
                description = "Wait until the operation has ended; exit code 1 if it stopped before its end")
        boolean wait;

        abstract String verb();

        abstract JsonNode one(Backend backend, UUID id);

        abstract BulkSettings settings();

        abstract JsonNode begin(Backend backend, String letters, BulkSettings settings);

        @Override
        int run(Backend backend) {
            if (id != null) {
                return single(backend, id);
            } else if (filter.isEmpty()) {
                throw CliException.usage("Give an ID, or a filter such as --queue or --fingerprint, or --all");
            }
            BulkSettings settings = option(this::settings);
            backend.requireOperation(filter.json());
            JsonNode preview = backend.preview(filter.json());
            if (!json || !yes && terminal().interactive()) {
                beside(preview(preview, width())); // who is asked sees what it is about
            }
            if (preview.path("count").asLong(0) == 0) {
                show(preview, none -> "Nothing was begun\n");
                return DONE;
            }
            if (!yes) {
                confirm(preview);
            }
            JsonNode operation = begin(backend, filter.json(), settings);
            if (wait) {
                beside("Operation " + text(operation, "id") + " has begun\n"); // it goes on if the command breaks off
                operation = ended(backend, operation);
            }
            show(operation, begun -> "\n" + OperatorCommands.drawn(List.of(begun), width()));
            return wait && !text(operation, "state").equals("finished") ? CliException.REFUSED : DONE;
        }

        /** Writes for people, so that the answer for programs stays alone on the standard output. */
        private void beside(String text) {
            if (json) {
                terminal().err().print(text);
                terminal().err().flush();
            } else {
                terminal().write(text);
            }
        }

        private int single(Backend backend, UUID letter) {
            if (!filter.isEmpty()) {
                throw CliException.usage("Give an ID or a filter, not both");
            }
            JsonNode answer = one(backend, letter);
            String count = answer.properties().iterator().next().getValue().toString();
            show(answer, given -> verb() + " in " + count + " queues\n");
            if (count.equals("0")) {
                throw CliException.refused("Message " + letter + " is not a dead letter");
            }
            return DONE;
        }

        private void confirm(JsonNode preview) {
            if (!terminal().interactive()) {
                throw CliException.usage("Nothing was begun: give --yes where no person can be asked");
            } else if (!terminal().confirms(verb() + " " + counted(preview) + " dead letters?")) {
                throw CliException.refused("Nothing was begun");
            }
        }

        /** Asks until the operation has ended. A backend that is away is told of once, and asked again. */
        private JsonNode ended(Backend backend, JsonNode begun) {
            UUID operation = UUID.fromString(text(begun, "id"));
            JsonNode status = begun;
            boolean isAway = false;
            while (text(status, "state").equals("running")) {
                try {
                    Thread.sleep(BETWEEN_LOOKS);
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                    return status;
                }
                try {
                    status = backend.operation(operation);
                    isAway = false;
                } catch (RuntimeException failure) {
                    CliException told = CliException.of(failure);
                    if (told.exitCode() != CliException.UNREACHABLE) {
                        throw told;
                    } else if (!isAway) {
                        tell(told);
                    }
                    isAway = true;
                }
            }
            return status;
        }
    }

    @Command(
            name = "redrive",
            mixinStandardHelpOptions = true,
            description =
                    "Puts a dead letter back into its queue, or all that match: shows them first, then begins an operation.")
    static final class Redrive extends Bulk {
        @Option(
                names = "--canary",
                defaultValue = "10",
                description = "Redrive so many first and wait for them; default 10, 0: none")
        int canary;

        @Option(
                names = "--canary-threshold",
                defaultValue = "2",
                description = "Stop when more of these die again; default 2")
        int canaryThreshold;

        @Override
        String verb() {
            return "Redrive";
        }

        @Override
        JsonNode one(Backend backend, UUID letter) {
            return backend.redrive(letter, reason.given());
        }

        @Override
        BulkSettings settings() {
            return BulkSettings.because(reason.require()).perSecond(perSecond).canary(canary, canaryThreshold);
        }

        @Override
        JsonNode begin(Backend backend, String letters, BulkSettings settings) {
            return backend.redrive(letters, settings);
        }
    }

    @Command(
            name = "discard",
            mixinStandardHelpOptions = true,
            description = "Discards a dead letter, or all that match: shows them first, then begins an operation.")
    static final class Discard extends Bulk {
        @Override
        String verb() {
            return "Discard";
        }

        @Override
        JsonNode one(Backend backend, UUID letter) {
            return backend.discard(letter, Optional.empty(), reason.require());
        }

        @Override
        BulkSettings settings() {
            return BulkSettings.because(reason.require()).perSecond(perSecond);
        }

        @Override
        JsonNode begin(Backend backend, String letters, BulkSettings settings) {
            return backend.discard(letters, settings);
        }
    }
}
