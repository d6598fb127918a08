package io.postroom.spring;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.transaction.ConfigurableTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * What is open on each thread, as the manager tells it: a stack, because a transaction can be suspended for an inner one or hold nested ones. Thread-safe.
 *
 * <p>Why not {@link TransactionSynchronization} alone: its callbacks come while the ended transaction still looks open, so that a message created by a
 * {@code @TransactionalEventListener} would be written into a transaction nobody commits; inside another manager's transaction they come at that
 * one's end, not ours; and they know nothing of savepoints made before they were registered. It is used for transactions the manager did not begin
 * itself (JTA).
 */
final class OpenTransactions implements TransactionExecutionListener {
    private static final Logger log = LoggerFactory.getLogger(OpenTransactions.class);

    private final ThreadLocal<@Nullable Frame> innermost = new ThreadLocal<>();

    private OpenTransactions() {}

    static OpenTransactions of(PlatformTransactionManager manager) {
        OpenTransactions open = new OpenTransactions();
        if (manager instanceof ConfigurableTransactionManager configurable) {
            configurable.addListener(open);
        }
        return open;
    }

    /** Whether the innermost transaction is being committed or rolled back right now, or was: nothing written from here on would be kept. */
    boolean isInnermostEnding() {
        Frame frame = live();
        return frame != null && frame.ending;
    }

    /** Either action may be missing. What an action throws is logged. An end that is not known counts as a rollback. */
    void atEnd(@Nullable Runnable onCommit, @Nullable Runnable onRollback) {
        Frame frame = live();
        Ending ending = new Ending(onCommit, onRollback);
        if (frame != null && !frame.ending) {
            frame.endings.add(ending);
        } else {
            TransactionSynchronizationManager.registerSynchronization(ending);
        }
    }

    /** A commit that failed half-way may leave a frame behind whose end we were not told. */
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
            frame.outer.endings.addAll(frame.endings);
            frame.endings.clear();
        }
        end(transaction, failure == null);
    }

    @Override
    public void afterRollback(TransactionExecution transaction, @Nullable Throwable failure) {
        end(transaction, false);
    }

    /** The actions run before the frame is taken away: a message created by one must not go into the transaction that ended. */
    private void end(TransactionExecution transaction, boolean committed) {
        Frame frame = innermost.get();
        if (frame != null && frame.transaction == transaction) {
            frame.ending = true;
            frame.endings.forEach(ending -> ending.run(committed));
            set(frame.outer);
        }
    }

    /** One transaction, or one savepoint's scope. */
    private static final class Frame {
        private final TransactionExecution transaction;
        private final @Nullable Frame outer;
        private final List<Ending> endings = new ArrayList<>(2);
        private boolean ending;

        Frame(TransactionExecution transaction, @Nullable Frame outer) {
            this.transaction = transaction;
            this.outer = outer;
        }

        boolean isNested() {
            return !transaction.isNewTransaction();
        }
    }

    private record Ending(
            @Nullable Runnable onCommit, @Nullable Runnable onRollback) implements TransactionSynchronization {
        @Override
        public void afterCompletion(int status) {
            run(status == STATUS_COMMITTED);
        }

        void run(boolean committed) {
            Runnable action = committed ? onCommit : onRollback;
            if (action == null) {
                return;
            }
            try {
                action.run();
            } catch (RuntimeException thrown) {
                log.warn("an action after the end of a transaction failed", thrown);
            }
        }
    }
}
