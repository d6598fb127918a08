package io.postroom.spring;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;

/**
 * The rules under Spring Boot's {@code spring.datasource.connection-fetch=lazy}: a proxy whose connections say what they would do before
 * they are there.
 */
@PostgresTest
class LazyConnectionTransactionsTest extends TransactionContract {
    LazyConnectionTransactionsTest(TestDatabase database) {
        super(database);
    }

    @Override
    Host host(TestDatabase database) {
        return Host.on(database).with("spring.datasource.connection-fetch", "lazy");
    }

    @Override
    void write(Host.Running host, String ticket) {
        host.jdbc().sql("INSERT INTO ticket VALUES (?)").param(ticket).update();
    }
}
