package io.postroom.api;

/** The call is not allowed in the transaction that is open on this thread. Nothing was written. */
public class WrongTransactionException extends PostroomException {
    public WrongTransactionException(String message) {
        super(message);
    }
}
