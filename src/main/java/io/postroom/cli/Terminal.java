package io.postroom.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What is around a command.
 *
 * @param out takes what was asked for
 * @param err takes what else is to be said
 * @param in gives answers to questions, and payloads
 * @param interactive whether a person sits in front of it
 * @param environment gives variables; null: not set
 */
record Terminal(
        PrintWriter out,
        PrintWriter err,
        InputStream in,
        boolean interactive,
        UnaryOperator<@Nullable String> environment) {
    private static final int USUAL_WIDTH = 140;
    private static final int LEAST_WIDTH = 60;
    private static final int MOST_WIDTH = 400;

    /** The terminal of this process. */
    static Terminal ofProcess() {
        return new Terminal(
                new PrintWriter(System.out, true, StandardCharsets.UTF_8),
                new PrintWriter(System.err, true, StandardCharsets.UTF_8),
                System.in,
                System.console() != null,
                System::getenv);
    }

    /** Returns the value of a variable; null: it is not set, or empty. */
    @Nullable
    String variable(String name) {
        String value = environment.apply(name);
        return value == null || value.isEmpty() ? null : value;
    }

    /** Returns how many columns a table may have: what COLUMNS says within bounds, else 140. */
    int width() {
        String columns = variable("COLUMNS");
        try {
            return columns == null
                    ? USUAL_WIDTH
                    : Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, Integer.parseInt(columns.strip())));
        } catch (NumberFormatException noNumber) {
            return USUAL_WIDTH;
        }
    }

    /**
     * Writes what was asked for. A program that calls the command takes exit code 0 for the whole answer, so a full disk must not end so.
     *
     * @throws CliException it could not be written
     */
    void write(String text) {
        out.print(text);
        if (out.checkError()) { // it flushes; a PrintWriter throws nothing, and forgets the reason
            throw CliException.refused("The answer could not be written whole to the standard output:"
                    + " the disk is full, or the program that reads it has ended");
        }
    }

    /** Asks a person, who must type yes. */
    boolean confirms(String question) {
        err.print(question + " Type yes: ");
        err.flush();
        try {
            String answer = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8)).readLine();
            return answer != null && answer.strip().equalsIgnoreCase("yes");
        } catch (IOException e) {
            throw new UncheckedIOException("read the answer", e);
        }
    }
}
