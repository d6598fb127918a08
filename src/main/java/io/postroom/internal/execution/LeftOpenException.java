package io.postroom.internal.execution;

import org.jspecify.annotations.Nullable;

/** A handler's call returned, and a transaction that it had begun was still open on its thread. */
final class LeftOpenException extends RuntimeException {
    /** @param cause why the thread could not be cleaned; null when the transaction was rolled back */
    LeftOpenException(HandlerCall call, String left, @Nullable Throwable cause) {
        super(
                "handler " + call.handler().id() + " left " + left + " on its thread; "
                        + (cause == null
                                ? "it was rolled back, with all that was written in it"
                                : "the thread could not be cleaned and is not used again")
                        + ". Commit or roll back each transaction that a handler begins, as @Transactional and TransactionTemplate do",
                cause);
    }
}
