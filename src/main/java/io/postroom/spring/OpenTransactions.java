package io.postroom.spring;

import io.postroom.internal.producer.EndActions;
import org.jspecify.annotations.Nullable;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Knows which transactions are open on each thread, as the manager reports them. They form a stack, because a transaction can be
 * suspended for an inner one or hold nested ones. Thread-safe.
 *
 * <p>{@link TransactionSynchronization} alone is not enough, for three reasons:
 *
 * <ul>
 *   <li>Its callbacks come while the ended transaction still looks open. A message that a {@code @TransactionalEventListener} creates
 *       would be written into a transaction that nobody commits.
 *   <li>Inside another manager's transaction, its callbacks come at the end of that transaction, not of ours.
 *   <li>Its callbacks ignore savepoints that were made before their registration.
 * </ul>
 *
 * <p>It serves for transactions that the manager did not begin itself (JTA).
 */
final class OpenTransactions implements TransactionExecutionListener {
    private final ThreadLocal<@Nullable Frame> innermost = new ThreadLocal<>();

    private OpenTransactions() {}

    static OpenTransactions of(PlatformTransactionManager manager) {
        OpenTransactions open = new OpenTransactions();
        ExecutionListeners.add(manager, open);
        return open;
    }

    /** Whether the innermost transaction is ending or has ended: nothing that is written from here on would be kept. */
    boolean isInnermostEnding() {
        Frame frame = live();
        return frame != null && frame.ending;
    }

    /** Runs the action after the commit of the innermost transaction. Logs what the action throws. */
    void afterCommit(Runnable action) {
        innermostActions().afterCommit(action);
    }

    /**
     * Runs the action after a rollback of the innermost transaction. An end that is not known counts as a rollback. Logs what the action
     * throws.
     */
    void afterRollback(Runnable action) {
        innermostActions().afterRollback(action);
    }

    private EndActions innermostActions() {
        Frame frame = live();
        if (frame != null && !frame.ending) {
            return frame.actions;
        }
        EndActions actions = new EndActions();
        TransactionSynchronizationManager.registerSynchronization(new AtCompletion(actions));
        return actions;
    }

    /**
     * The innermost frame whose transaction has not completed. A commit that failed half-way may leave a frame behind whose end was not
     * reported.
     */
    private @Nullable Frame live() {
        Frame frame = innermost.get();
        if (frame != null && frame.transaction.isCompleted()) {
            do {
                frame = frame.outer;
            } while (frame != null && frame.transaction.isCompleted());
            set(frame);
        }
        return frame;
    }

    private void set(@Nullable Frame frame) {
        if (frame == null) {
            innermost.remove();
        } else {
            innermost.set(frame);
        }
    }

    @Override
    public void afterBegin(TransactionExecution transaction, @Nullable Throwable failure) {
        if (failure == null && (transaction.isNewTransaction() || transaction.isNested())) {
            set(new Frame(transaction, live()));
        }
    }

    @Override
    public void beforeCommit(TransactionExecution transaction) {
        markEnding(transaction);
    }

    @Override
    public void beforeRollback(TransactionExecution transaction) {
        markEnding(transaction);
    }

    private void markEnding(TransactionExecution transaction) {
        Frame frame = innermost.get();
        if (frame != null && frame.transaction == transaction) {
            frame.ending = !frame.isNested();
        }
    }

    @Override
    public void afterCommit(TransactionExecution transaction, @Nullable Throwable failure) {
        Frame frame = innermost.get();
        if (frame != null
                && frame.transaction == transaction
                && frame.isNested()
                && frame.outer != null
                && failure == null) {
            frame.outer.actions.takeOver(frame.actions);
        }
        end(transaction, failure == null);
    }

    @Override
    public void afterRollback(TransactionExecution transaction, @Nullable Throwable failure) {
        end(transaction, false);
    }

    /** Runs the actions before the frame is taken away: a message that an action creates must not go into the transaction that ended. */
    private void end(TransactionExecution transaction, boolean committed) {
        Frame frame = innermost.get();
        if (frame != null && frame.transaction == transaction) {
            frame.ending = true;
            frame.actions.run(committed);
            set(frame.outer);
        }
    }

    /** One transaction, or the scope of one savepoint. */
    private static final class Frame {
        private final TransactionExecution transaction;
        private final @Nullable Frame outer;
        private final EndActions actions = new EndActions();
        private boolean ending;

        Frame(TransactionExecution transaction, @Nullable Frame outer) {
            this.transaction = transaction;
            this.outer = outer;
        }

        boolean isNested() {
            return !transaction.isNewTransaction();
        }
    }

    /** Runs the actions of a transaction that the manager did not begin itself. */
    private record AtCompletion(EndActions actions) implements TransactionSynchronization {
        @Override
        public void afterCompletion(int status) {
            actions.run(status == STATUS_COMMITTED);
        }
    }
}
