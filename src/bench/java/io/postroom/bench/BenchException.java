package io.postroom.bench;

/** The benchmark refuses to run, or to go on; the message says why and what to do. */
final class BenchException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BenchException(String message) {
        super(message);
    }
}
