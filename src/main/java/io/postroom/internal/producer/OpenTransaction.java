package io.postroom.internal.producer;

import io.postroom.api.Transactions;
import java.sql.Connection;

/** A transaction that Postroom began on a connection of its own. Whoever began it also runs {@link #end}. */
final class OpenTransaction implements Transactions.Open {
    private final Connection connection;
    private final EndActions actions = new EndActions();

    OpenTransaction(Connection connection) {
        this.connection = connection;
    }

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
        actions.afterCommit(action);
    }

    @Override
    public void afterRollback(Runnable action) {
        actions.afterRollback(action);
    }

    void end(boolean committed) {
        actions.run(committed);
    }
}
