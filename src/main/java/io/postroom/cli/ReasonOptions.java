package io.postroom.cli;

import io.postroom.api.Reason;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Says why and by whom, for the record. */
final class ReasonOptions {
    @Option(names = "--reason", paramLabel = "TEXT", description = "Why, for the record: 1 to 200 characters")
    @Nullable
    String reason;

    @Option(
            names = "--actor",
            paramLabel = "NAME",
            description = "Who, for the record; default: the user of this process's system")
    @Nullable
    String actor;

    Reason require() {
        if (reason == null) {
            throw CliException.usage("--reason must be given: it goes on record");
        }
        return made(reason);
    }

    /** Returns what is given, for commands that go on record without a reason, too. An actor alone has the reason of the HTTP API. */
    Optional<Reason> given() {
        return reason == null && actor == null
                ? Optional.empty()
                : Optional.of(made(reason == null ? "not given" : reason));
    }

    private Reason made(String text) {
        String user = actor == null ? System.getProperty("user.name", "") : actor;
        return BackendCommand.option(() -> new Reason(text, user.isBlank() ? Optional.empty() : Optional.of(user)));
    }
}
