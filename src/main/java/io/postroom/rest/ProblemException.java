package io.postroom.rest;

/** Ends a request with a {@link Problem}. Has no stack trace, because the problem says everything. */
public final class ProblemException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Problem problem;

    ProblemException(Problem problem) {
        super(problem.detail(), null, false, false);
        this.problem = problem;
    }

    /** Why the request was refused. */
    public Problem problem() {
        return problem;
    }
}
