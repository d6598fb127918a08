package io.postroom.cli;

import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** A command that has run, with what it wrote. */
public record CliRun(int exitCode, String out, String err) {
    /** Runs a command without a person in front of it. */
    public static CliRun of(Map<String, String> environment, List<String> arguments) {
        return of(environment, "", false, arguments);
    }

    static CliRun of(Map<String, String> environment, String input, boolean interactive, List<String> arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        Terminal terminal = new Terminal(
                new PrintWriter(out),
                new PrintWriter(err),
                new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                interactive,
                environment::get);
        int code = PostroomCli.commandLine(terminal).execute(arguments.toArray(String[]::new));
        return new CliRun(code, out.toString(), err.toString());
    }

    /** Joins arguments. */
    public static List<String> joined(List<String> some, String... more) {
        List<String> all = new ArrayList<>(List.of(more));
        all.addAll(some);
        return all;
    }

    JsonNode json() {
        return CliJson.MAPPER.readTree(out);
    }

    @Override
    public String toString() {
        return "exit code " + exitCode + "\n" + out + err;
    }
}
