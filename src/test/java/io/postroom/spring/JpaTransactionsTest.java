package io.postroom.spring;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import jakarta.persistence.EntityManager;

@PostgresTest
class JpaTransactionsTest extends TransactionContract {
    JpaTransactionsTest(TestDatabase database) {
        super(database);
    }

    @Override
    Host host(TestDatabase database) {
        return Host.on(database).jpa().with("spring.jpa.hibernate.ddl-auto", "update");
    }

    @Override
    void write(Host.Running host, String ticket) {
        host.bean(EntityManager.class).persist(new Ticket(ticket));
    }
}
