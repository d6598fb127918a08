package io.postroom.cli;

import io.postroom.api.AccessRole;
import io.postroom.api.Durations;
import io.postroom.api.NewAccessToken;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Makes, lists and revokes tokens. */
final class TokenCommands {
    private static final int PAGE = 1_000;

    private TokenCommands() {}

    @Command(
            name = "token",
            mixinStandardHelpOptions = true,
            description = "Makes, lists and revokes tokens for the HTTP API and the console of the server.",
            subcommands = {Create.class, ListAll.class, Revoke.class},
            synopsisSubcommandLabel = "COMMAND")
    static final class Token implements Runnable {
        @Spec
        @SuppressWarnings("NullAway.Init")
        CommandSpec spec;

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Name create, list or revoke");
        }
    }

    @Command(
            name = "create",
            mixinStandardHelpOptions = true,
            description = "Makes a token and writes it, this once: it is kept as a hash alone.")
    static final class Create extends BackendCommand {
        @Option(
                names = "--name",
                required = true,
                description = "Goes on record with what is done by the token; never used again")
        @SuppressWarnings("NullAway.Init")
        String name;

        @Option(names = "--role", required = true, description = "reader, operator or producer")
        @SuppressWarnings("NullAway.Init")
        String role;

        @Option(
                names = "--queues",
                split = ",",
                paramLabel = "PATTERN",
                description = "Queues of a producer, as in 'orders.*': * is one word, # any number; may be repeated")
        List<String> queues = List.of();

        @Option(
                names = "--expires",
                paramLabel = "DURATION",
                description = "Good for so long, as in 90d; default: until it is revoked")
        @Nullable
        String expires;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            NewAccessToken token = option(() -> new NewAccessToken(
                    name,
                    AccessRole.of(role),
                    queues,
                    Optional.ofNullable(expires).map(text -> Instant.now().plus(Durations.parse("expires", text)))));
            JsonNode made = backend.createToken(token, reason.given());
            try {
                show(made, answer -> text(answer, "token") + "\n");
            } catch (CliException notShown) {
                throw CliException.refused(notShown.getMessage() + ". Nobody has seen the token \"" + name
                        + "\": revoke it, and make one of another name");
            }
            return DONE;
        }
    }

    @Command(name = "list", mixinStandardHelpOptions = true, description = "Lists tokens, and when each was used last.")
    static final class ListAll extends BackendCommand {
        @Option(names = "--all", description = "Those that expired or were revoked, too")
        boolean all;

        @Override
        int run(Backend backend) {
            ArrayNode tokens = CliJson.MAPPER.createArrayNode();
            String after = "";
            int read;
            do {
                read = 0;
                for (JsonNode token : backend.tokens(after, PAGE).path("tokens")) {
                    read++;
                    after = text(token, "name");
                    if (all || text(token, "state").equals("IN_USE")) {
                        tokens.add(token);
                    }
                }
            } while (read == PAGE);
            ObjectNode answer = CliJson.MAPPER.createObjectNode();
            answer.set("tokens", tokens);
            show(answer, this::table);
            return DONE;
        }

        private String table(JsonNode answer) {
            Table table = new Table("NAME", "ROLE", "QUEUES", "STATE", "CREATED", "BY", "EXPIRES", "LAST USED");
            for (JsonNode token : answer.path("tokens")) {
                table.row(
                        text(token, "name"),
                        text(token, "role"),
                        String.join(
                                ",",
                                token.path("queues")
                                        .valueStream()
                                        .map(JsonNode::asString)
                                        .toList()),
                        text(token, "state"),
                        time(token, "createdAt"),
                        text(token, "createdBy"),
                        time(token, "expiresAt"),
                        token.has("lastUsedAt") ? time(token, "lastUsedAt") : "never");
            }
            return table.draw(width());
        }
    }

    @Command(
            name = "revoke",
            mixinStandardHelpOptions = true,
            description = "Revokes a token: servers refuse it, and end its sessions, within about a second.")
    static final class Revoke extends BackendCommand {
        @Parameters(paramLabel = "NAME", description = "Name of the token")
        @SuppressWarnings("NullAway.Init")
        String name;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            show(
                    backend.revokeToken(name, reason.given()),
                    answer -> answer.path("revoked").asBoolean(false) ? "revoked\n" : "it was revoked before\n");
            return DONE;
        }
    }
}
