package io.postroom.internal.execution;

import io.postroom.api.Transactions;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Remembers what a thread carried before user's code ran on it: transactions, the log context (MDC) and the context class loader. The next
 * message on the thread must not find what user's code left there. The same holds for listeners and callbacks. Used by one thread.
 *
 * <p>Taking and comparing cost less than 100 ns when nothing was left. Other thread-locals (security, locale) are the handler's own to
 * clear.
 */
public final class ThreadGuard {
    private static final Logger log = LoggerFactory.getLogger(ThreadGuard.class);

    private final Transactions.ThreadState transactions;
    private final @Nullable Map<String, String> logContext;
    private final @Nullable ClassLoader classLoader;

    private ThreadGuard(
            Transactions.ThreadState transactions,
            @Nullable Map<String, String> logContext,
            @Nullable ClassLoader classLoader) {
        this.transactions = transactions;
        this.logContext = logContext;
        this.classLoader = classLoader;
    }

    static ThreadGuard ofThisThread(Transactions transactions) {
        return new ThreadGuard(
                transactions.threadState(),
                MDC.getCopyOfContextMap(),
                Thread.currentThread().getContextClassLoader());
    }

    /** Runs a listener or a callback, and makes the thread as it was. */
    public static void run(Transactions transactions, String whose, Runnable code) {
        ThreadGuard before = ofThisThread(transactions);
        try {
            code.run();
        } finally {
            before.restore(() -> whose);
        }
    }

    /**
     * Makes the thread as it was, and clears its interrupt flag. Logs what could not be logged by others. Answers whether the thread may be
     * used again.
     *
     * @param whose names the user's code, for the log
     */
    boolean restore(Supplier<String> whose) {
        Thread thread = Thread.currentThread();
        Thread.interrupted();
        if (thread.getContextClassLoader() != classLoader) {
            thread.setContextClassLoader(classLoader);
        }
        restoreLogContext();
        return restoreTransactions(whose);
    }

    private void restoreLogContext() {
        Map<String, String> now = MDC.getCopyOfContextMap();
        if (isEmpty(logContext)) {
            if (!isEmpty(now)) {
                MDC.clear();
            }
        } else if (!logContext.equals(now)) {
            MDC.setContextMap(logContext);
        }
    }

    private static boolean isEmpty(@Nullable Map<String, String> context) {
        return context == null || context.isEmpty();
    }

    private boolean restoreTransactions(Supplier<String> whose) {
        try {
            Optional<String> left = transactions.restore();
            if (left.isPresent()) {
                log.warn("{} left {} on its thread; it was rolled back", whose.get(), left.get());
            }
            return true;
        } catch (Throwable notCleaned) {
            log.error("{} left on its thread what could not be undone", whose.get(), notCleaned);
            return false;
        }
    }
}
