package io.postroom.cli;

import io.postroom.api.InvalidMessageException;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** A command that asks a backend. */
abstract class BackendCommand implements Callable<Integer> {
    static final int DONE = 0;
    /** The member of an answer of several homes with a sentence for each home that gave none, by its name. */
    static final String DOWN = "down";

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it, and the mixin
    CommandSpec spec;

    @Mixin
    @SuppressWarnings("NullAway.Init")
    BackendOptions access;

    @Option(names = "--json", description = "Write the answer as JSON, for programs")
    boolean json;

    /** Asks, shows the answer, and returns the exit code. */
    abstract int run(Backend backend);

    @Override
    public Integer call() {
        try (Backend backend = access.open(terminal())) {
            return run(backend);
        }
    }

    Terminal terminal() {
        return ((PostroomCli.Root) spec.root().userObject()).terminal;
    }

    /**
     * Writes an answer: as it is for programs, else as a text for people.
     *
     * @throws CliException it could not be written whole
     */
    void show(JsonNode answer, Function<JsonNode, String> forPeople) {
        String text = json ? answer + "\n" : forPeople.apply(answer);
        terminal().write(text);
        if (!json) {
            answer.path(DOWN).forEach(home -> tell(home.asString()));
        }
    }

    /** Tells of a failure after which the command goes on. */
    void tell(CliException failure) {
        tell(String.valueOf(failure.getMessage()));
    }

    private void tell(String sentence) {
        terminal().err().println(Table.escaped(sentence));
        terminal().err().flush();
    }

    /** Makes a value of options. One outside its limits is wrong usage. */
    static <T> T option(Supplier<T> value) {
        try {
            return value.get();
        } catch (InvalidMessageException wrong) {
            throw CliException.usage(String.valueOf(wrong.getMessage()));
        }
    }

    int width() {
        return terminal().width();
    }

    /** Returns a member as a text; empty: it is not there. */
    static String text(JsonNode object, String name) {
        @Nullable JsonNode value = object.get(name);
        return value == null || value.isNull() ? "" : value.isString() ? value.stringValue() : value.toString();
    }

    /** Returns a time to the second, as people read it. */
    static String time(JsonNode object, String name) {
        String text = text(object, name);
        return text.isEmpty() ? "" : text.replaceFirst("\\.\\d+Z$", "Z");
    }
}
