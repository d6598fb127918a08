package io.postroom.cli;

import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** A command that can look again and again. */
abstract class WatchedCommand extends BackendCommand {
    private static final String CLEAR_SCREEN = "\u001b[H\u001b[2J";

    @Option(
            names = "--watch",
            arity = "0..1",
            fallbackValue = "2",
            paramLabel = "SECONDS",
            description = "Look again after so many seconds, default 2, until it is interrupted")
    @Nullable
    Integer watch;

    /** Shows what is asked, once or as often as wanted. A backend that is away is told of, and asked again. */
    int showAgain(Supplier<JsonNode> question, Function<JsonNode, String> forPeople) {
        if (watch == null) {
            show(question.get(), forPeople);
            return DONE;
        } else if (watch < 1 || watch > 3600) {
            throw CliException.usage("--watch must be 1 to 3600 seconds, got " + watch);
        }
        while (true) {
            try {
                JsonNode answer = question.get();
                show(answer, given -> (terminal().interactive() ? CLEAR_SCREEN : "") + forPeople.apply(given));
            } catch (RuntimeException failure) {
                CliException told = CliException.of(failure);
                if (told.exitCode() != CliException.UNREACHABLE) {
                    throw told;
                }
                tell(told);
            }
            try {
                Thread.sleep(watch * 1000L);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                return DONE;
            }
        }
    }
}
