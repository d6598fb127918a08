package io.postroom.spring;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;

/** A pool with auto-commit off rolls back silently what nobody commits. */
@PostgresTest
class NoAutoCommitJdbcTransactionsTest extends TransactionContract {
    NoAutoCommitJdbcTransactionsTest(TestDatabase database) {
        super(database);
    }

    @Override
    Host host(TestDatabase database) {
        return Host.on(database).with("spring.datasource.hikari.auto-commit", false);
    }

    @Override
    void write(Host.Running host, String ticket) {
        host.jdbc().sql("INSERT INTO ticket VALUES (?)").param(ticket).update();
    }
}
