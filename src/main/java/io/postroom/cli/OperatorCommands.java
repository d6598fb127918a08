package io.postroom.cli;

import io.postroom.api.LedgerFilter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Commands that pause queues, follow operations and read what people did. */
final class OperatorCommands {
    private OperatorCommands() {}

    @Command(
            name = "unpark",
            mixinStandardHelpOptions = true,
            description = "Lets messages of a parked destination start again at once.")
    static final class Unpark extends BackendCommand {
        @Parameters(paramLabel = "DESTINATION", description = "Name of the external system")
        @SuppressWarnings("NullAway.Init")
        String destination;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            show(
                    backend.unpark(destination, reason.given()),
                    answer -> answer.path("unparked").asBoolean(false)
                            ? "messages of " + destination + " start again\n"
                            : destination + " was not parked\n");
            return DONE;
        }
    }

    @Command(
            name = "pause",
            mixinStandardHelpOptions = true,
            description = "Pauses a queue: no message of it is claimed any more; what is in progress goes on.")
    static final class Pause extends BackendCommand {
        @Parameters(paramLabel = "QUEUE", description = "Name of the queue")
        @SuppressWarnings("NullAway.Init")
        String queue;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            show(backend.pause(queue, true, reason.given()), answer -> "queue " + queue + " is paused\n");
            return DONE;
        }
    }

    @Command(name = "resume", mixinStandardHelpOptions = true, description = "Ends the pause of a queue.")
    static final class Resume extends BackendCommand {
        @Parameters(paramLabel = "QUEUE", description = "Name of the queue")
        @SuppressWarnings("NullAway.Init")
        String queue;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            show(backend.pause(queue, false, reason.given()), answer -> "queue " + queue + " is resumed\n");
            return DONE;
        }
    }

    @Command(
            name = "operations",
            mixinStandardHelpOptions = true,
            description = "Lists redrives and discards of many, the newest first; shows one, or stops it.")
    static final class Operations extends WatchedCommand {
        @Parameters(paramLabel = "ID", arity = "0..1", description = "Id of an operation")
        @Nullable
        UUID id;

        @Option(names = "--stop", description = "Stop the operation: nothing more is moved after the answer")
        boolean stop;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Option(names = "--limit", defaultValue = "20", description = "Most operations, 1 to 1000; default 20")
        int limit;

        @Override
        int run(Backend backend) {
            if (limit < 1 || limit > 1000) {
                throw CliException.usage("--limit must be 1 to 1000, got " + limit);
            }
            UUID one = id;
            if (stop) {
                if (one == null) {
                    throw CliException.usage("--stop needs the ID of an operation");
                }
                show(
                        backend.stopOperation(one, reason.require()),
                        answer -> answer.path("stopped").asBoolean(false) ? "stopped\n" : "it had ended before\n");
                return DONE;
            } else if (one != null) {
                return showAgain(
                        () -> backend.operation(one),
                        answer -> drawn(List.of(answer), width()) + "\nfilter " + Table.escaped(text(answer, "filter"))
                                + "\n");
            }
            return showAgain(() -> backend.operations(limit), answer -> {
                List<JsonNode> rows = new ArrayList<>();
                answer.path("operations").forEach(rows::add);
                return drawn(rows, width());
            });
        }
    }

    /** Draws operations, and below them the whole notes of those that have one. */
    static String drawn(List<JsonNode> operations, int width) {
        Table table = new Table("ID", "VERB", "STATE", "PROGRESS", "BEGAN", "ACTOR", "REASON");
        StringBuilder notes = new StringBuilder();
        for (JsonNode operation : operations) {
            table.row(
                    operation,
                    BackendCommand.text(operation, "id"),
                    BackendCommand.text(operation, "verb"),
                    BackendCommand.text(operation, "state")
                            + (operation.path("waitsForCanary").asBoolean(false) ? " (canary)" : ""),
                    progress(operation),
                    BackendCommand.time(operation, "createdAt"),
                    BackendCommand.text(operation, "actor"),
                    BackendCommand.text(operation, "reason"));
            if (operation.has("note")) {
                notes.append(BackendCommand.text(operation, "id"))
                        .append(": ")
                        .append(Table.escaped(BackendCommand.text(operation, "note")))
                        .append('\n');
            }
        }
        return table.draw(width) + (notes.isEmpty() ? "" : "\n" + notes);
    }

    private static String progress(JsonNode operation) {
        String failed = BackendCommand.text(operation, "failed");
        return BackendCommand.text(operation, "processed") + " of " + BackendCommand.text(operation, "planned")
                + (failed.equals("0") ? "" : ", " + failed + " failed");
    }

    @Command(name = "ledger", mixinStandardHelpOptions = true, description = "Lists what people did, the newest first.")
    static final class Ledger extends BackendCommand {
        @Option(names = "--actor", description = "What this person did")
        @Nullable
        String actor;

        @Option(names = "--action", description = "As in pause, redrive, discard or end_operation")
        @Nullable
        String action;

        @Option(names = "--queue", description = "What was about this queue")
        @Nullable
        String queue;

        @Option(names = "--message", description = "What was about this message")
        @Nullable
        UUID message;

        @Option(names = "--operation", description = "What was about this operation")
        @Nullable
        UUID operation;

        @Option(names = "--before", description = "Id of the last line of the page before")
        @Nullable
        UUID before;

        @Option(names = "--limit", defaultValue = "50", description = "Most lines, 1 to 1000; default 50")
        int limit;

        @Option(
                names = "--check",
                description = "Check the chain of all lines instead. Exit code 1: a line was changed")
        boolean check;

        @Option(names = "--known-number", description = "With --check: the last number of an earlier check")
        @Nullable
        Long knownNumber;

        @Option(names = "--known-hash", description = "With --check: the hash of that line")
        @Nullable
        String knownHash;

        @Override
        int run(Backend backend) {
            if (check) {
                JsonNode answer = backend.checkLedger(known());
                show(answer, Ledger::verdict);
                return answer.path("whole").asBoolean(false) ? DONE : CliException.REFUSED;
            }
            if (knownNumber != null || knownHash != null) {
                throw CliException.usage("--known-number and --known-hash belong to --check");
            }
            LedgerFilter filter = option(() -> new LedgerFilter(
                    Optional.ofNullable(actor),
                    Optional.ofNullable(action),
                    Optional.ofNullable(queue),
                    Optional.ofNullable(message),
                    Optional.ofNullable(operation),
                    Optional.ofNullable(before),
                    limit));
            show(backend.ledger(filter), this::table);
            return DONE;
        }

        private Optional<Backend.LedgerEnd> known() {
            if (knownNumber == null && knownHash == null) {
                return Optional.empty();
            }
            if (knownNumber == null || knownHash == null) {
                throw CliException.usage("--known-number and --known-hash are given together");
            }
            return Optional.of(new Backend.LedgerEnd(knownNumber, knownHash));
        }

        private static String verdict(JsonNode answer) {
            StringBuilder shown = new StringBuilder();
            if (answer.path("whole").asBoolean(false)) {
                shown.append("The chain is whole: ")
                        .append(text(answer, "lines"))
                        .append(" lines\n");
            } else {
                shown.append("BROKEN at line ").append(text(answer, "brokenNumber"));
                if (answer.has("brokenId")) {
                    shown.append(" (").append(text(answer, "brokenId")).append(')');
                }
                shown.append(": ").append(text(answer, "problem")).append('\n');
            }
            if (answer.has("lastNumber")) {
                shown.append("Keep for the next check: --known-number ")
                        .append(text(answer, "lastNumber"))
                        .append(" --known-hash ")
                        .append(text(answer, "lastHash"))
                        .append('\n');
            }
            if (!text(answer, "unsealed").equals("0")) {
                shown.append(text(answer, "unsealed"))
                        .append(" lines are not sealed yet, the oldest since ")
                        .append(time(answer, "unsealedSince"))
                        .append('\n');
            }
            return shown.toString();
        }

        private String table(JsonNode answer) {
            Table table = new Table("AT", "ACTOR", "ACTION", "ABOUT", "DONE", "REASON", "NOTE");
            for (JsonNode line : answer.path("lines")) {
                table.row(
                        time(line, "at"),
                        text(line, "actor"),
                        text(line, "action"),
                        about(line),
                        text(line, "done") + (line.has("planned") ? " of " + text(line, "planned") : ""),
                        text(line, "reason"),
                        text(line, "note"));
            }
            return table.draw(width());
        }

        private static String about(JsonNode line) {
            for (String name : new String[] {"message", "filter", "operation", "queue"}) {
                if (line.has(name)) {
                    return text(line, name);
                }
            }
            return "";
        }
    }
}
