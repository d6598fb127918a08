package io.postroom.internal.execution;

import io.postroom.api.Outcome;
import io.postroom.api.Transactions;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Calls ATOMIC handlers in transactions of the host: the handler's writes and the completion are in one commit. Thread-safe.
 *
 * <p>Any outcome but Done rolls the writes back. A lease that was lost meanwhile rolls them back, too: another process may be running the
 * message, and only one of the two may commit.
 */
final class AtomicCalls {
    private final UserCode userCode;
    private final LeaseStore store;
    private final Transactions transactions;
    private final LeaseHolder leaseHolder;

    AtomicCalls(UserCode userCode, LeaseStore store, Transactions transactions, LeaseHolder leaseHolder) {
        this.userCode = userCode;
        this.store = store;
        this.transactions = transactions;
        this.leaseHolder = leaseHolder;
    }

    /**
     * Begins a transaction, calls the handler, completes the messages and commits.
     *
     * @return one outcome a message. All are Done: it was committed. Else it was rolled back
     * @throws LeaseLostException the lease had gone, and it was rolled back
     * @throws CutOffException the handler did its part, and the database cut the transaction off
     * @throws Exception what the handler or the transaction threw; it was rolled back, unless the answer to the commit got lost
     */
    List<Outcome> call(HandlerCall call) throws Exception {
        AtomicBoolean usersError = new AtomicBoolean();
        try {
            return transactions.begin(transaction -> {
                List<Outcome> outcomes = handle(call, transaction.connection(), usersError);
                if (!areDone(outcomes)) {
                    throw new RollBack(outcomes);
                }
                complete(call, outcomes, transaction.connection());
                return outcomes;
            });
        } catch (RollBack rollBack) {
            return rollBack.outcomes;
        } catch (Exception error) {
            if (!usersError.get() && StoreErrors.mayPass(error)) {
                throw new CutOffException(error);
            }
            throw error;
        }
    }

    private List<Outcome> handle(HandlerCall call, Connection connection, AtomicBoolean usersError) throws Exception {
        boolean returned = false;
        try {
            call.requireInTime(); // the transaction may have waited for a connection
            List<Outcome> outcomes = userCode.handle(call, connection);
            returned = true;
            return outcomes;
        } finally {
            usersError.set(!returned);
        }
    }

    static boolean areDone(List<Outcome> outcomes) {
        return outcomes.stream().allMatch(Outcome.Done.class::isInstance);
    }

    private void complete(HandlerCall call, List<Outcome> outcomes, Connection connection) {
        List<Completion> done = new ArrayList<>(call.messages().size());
        for (int i = 0; i < call.messages().size(); i++) {
            ClaimedMessage message = call.messages().get(i);
            done.add(StateTransitions.of(
                            message,
                            outcomes.get(i),
                            null,
                            call.policy(),
                            call.attempt().startedNanos())
                    .withReply(call.replies().to(message)));
        }
        int completed = store.complete(leaseHolder.workerId(), done, connection).stream()
                .mapToInt(part -> part.completed().cardinality())
                .sum();
        if (completed < call.messages().size()) {
            throw new LeaseLostException(call.messages().get(0), call.queue().name());
        }
    }

    /**
     * The transaction could not be begun, completed or committed, for a reason that may pass: a database that was away, a time limit of the
     * server, a serialization failure. The handler threw nothing, so the attempt is not counted.
     */
    static final class CutOffException extends Exception {
        CutOffException(Exception cause) {
            super(cause.getMessage(), cause);
        }
    }

    /** Carries a handler's answer out of a transaction that is to be rolled back. */
    private static final class RollBack extends Exception {
        private final transient List<Outcome> outcomes;

        RollBack(List<Outcome> outcomes) {
            super(null, null, false, false);
            this.outcomes = outcomes;
        }
    }
}
