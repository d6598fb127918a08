package io.postroom.internal.producer;

import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Actions that wait for the end of one transaction. Runs them in the order in which they were added; logs what an action throws, and goes
 * on with the next. Used by one thread at a time.
 */
public final class EndActions {
    private static final Logger log = LoggerFactory.getLogger(EndActions.class);

    private final List<Runnable> afterCommit = new ArrayList<>(2);
    private final List<Runnable> afterRollback = new ArrayList<>(2);

    public void afterCommit(Runnable action) {
        afterCommit.add(action);
    }

    public void afterRollback(Runnable action) {
        afterRollback.add(action);
    }

    /** Takes over the actions of a nested transaction, whose end depends on the outer one from now on. The nested one keeps none. */
    public void takeOver(EndActions nested) {
        afterCommit.addAll(nested.afterCommit);
        afterRollback.addAll(nested.afterRollback);
        nested.afterCommit.clear();
        nested.afterRollback.clear();
    }

    /** @param committed false after a rollback, and when the end is not known */
    public void run(boolean committed) {
        for (Runnable action : committed ? afterCommit : afterRollback) {
            try {
                action.run();
            } catch (RuntimeException thrown) {
                log.warn("an action after the end of a transaction failed", thrown);
            }
        }
    }
}
