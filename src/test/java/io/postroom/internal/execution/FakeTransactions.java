package io.postroom.internal.execution;

import io.postroom.api.Transactions;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import org.jspecify.annotations.Nullable;

/** Counts what is committed and what is rolled back. Used by one thread at a time. */
final class FakeTransactions implements Transactions {
    int committed;
    int rolledBack;
    /** What each commit throws; null: nothing. */
    @Nullable
    Exception onCommit;

    @Override
    public <T> T begin(Work<T> work) throws Exception {
        T result;
        try {
            result = work.run(new Begun());
            if (onCommit != null) {
                throw onCommit;
            }
        } catch (Throwable error) {
            rolledBack++;
            throw error;
        }
        committed++;
        return result;
    }

    @Override
    public boolean isOpen() {
        return false;
    }

    @Override
    public <T> T join(Work<T> work) {
        throw new UnsupportedOperationException("an attempt begins its own transactions");
    }

    @Override
    public <T> T joinOrCommitAtOnce(Work<T> oneStatement) {
        throw new UnsupportedOperationException("an attempt begins its own transactions");
    }

    private static final class Begun implements Open {
        private final Connection connection = (Connection) Proxy.newProxyInstance(
                Begun.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    throw new UnsupportedOperationException("a handle only: " + method.getName());
                });

        @Override
        public Connection connection() {
            return connection;
        }

        @Override
        public boolean isCallers() {
            return false;
        }

        @Override
        public void afterCommit(Runnable action) {
            throw new UnsupportedOperationException("nothing waits for the commit of an attempt");
        }

        @Override
        public void afterRollback(Runnable action) {
            throw new UnsupportedOperationException("nothing waits for the rollback of an attempt");
        }
    }
}
