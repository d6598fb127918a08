package io.postroom.testing;

import io.postroom.api.Transactions;

/** Transactions that are bound to no thread, for what begins none. */
public final class NoTransactions implements Transactions {
    @Override
    public boolean isOpen() {
        return false;
    }

    @Override
    public <T> T join(Work<T> work) {
        throw new UnsupportedOperationException("no transaction is begun here");
    }

    @Override
    public <T> T joinOrCommitAtOnce(Work<T> oneStatement) {
        throw new UnsupportedOperationException("no transaction is begun here");
    }

    @Override
    public <T> T begin(Work<T> work) {
        throw new UnsupportedOperationException("no transaction is begun here");
    }
}
