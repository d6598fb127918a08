package io.postroom.cli;

import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.rest.ProblemException;

/** Ends a command with a sentence for people and an exit code for programs. Has no stack trace, because the sentence says everything. */
final class CliException extends RuntimeException {
    static final int REFUSED = 1;
    static final int USAGE = 2;
    static final int UNREACHABLE = 3;

    private static final long serialVersionUID = 1L;

    private final int exitCode;

    private CliException(int exitCode, String sentence) {
        super(sentence, null, false, false);
        this.exitCode = exitCode;
    }

    /** What was asked for was refused, or failed. */
    static CliException refused(String sentence) {
        return new CliException(REFUSED, sentence);
    }

    /** The command line makes no sense. */
    static CliException usage(String sentence) {
        return new CliException(USAGE, sentence);
    }

    /** Server or database cannot be reached. */
    static CliException unreachable(String sentence) {
        return new CliException(UNREACHABLE, sentence);
    }

    /** Answers what a failure of a command means. What no sentence is known for is told with its class. */
    static CliException of(Exception failure) {
        if (failure instanceof CliException known) {
            return known;
        } else if (failure instanceof ProblemException refused) {
            return refused(refused.problem().detail());
        } else if (failure instanceof StoreException failed) {
            String sentence = String.valueOf(failed.getMessage());
            return failed.mayPass() ? unreachable(sentence) : refused(sentence);
        } else if (failure instanceof PostroomException || failure instanceof IllegalStateException) {
            return refused(String.valueOf(failure.getMessage()));
        }
        return refused(failure.toString());
    }

    int exitCode() {
        return exitCode;
    }
}
