package io.postroom.spring;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;

@PostgresTest
class JdbcTransactionsTest extends TransactionContract {
    JdbcTransactionsTest(TestDatabase database) {
        super(database);
    }

    @Override
    Host host(TestDatabase database) {
        return Host.on(database);
    }

    @Override
    void write(Host.Running host, String ticket) {
        host.jdbc().sql("INSERT INTO ticket VALUES (?)").param(ticket).update();
    }
}
