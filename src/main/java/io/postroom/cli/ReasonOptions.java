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
        String user = actor == null ? System.getProperty("user.name", "") : actor;
        return new Reason(reason, user.isBlank() ? Optional.empty() : Optional.of(user));
    }
}
