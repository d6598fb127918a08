package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import jakarta.persistence.EntityManager;
import jakarta.persistence.EntityManagerFactory;
import org.junit.jupiter.api.Test;

@PostgresTest
class JpaTransactionsTest extends TransactionContract {
    JpaTransactionsTest(TestDatabase database) {
        super(database);
    }

    @Override
    Host host(TestDatabase database) {
        return Host.on(database).jpa().with("spring.jpa.hibernate.ddl-auto", "update");
    }

    @Test
    void hibernate_proxy_is_refused_as_a_payload(TestDatabase database) {
        try (Host.Running host =
                host(database).with("postroom.workers.enabled", false).start()) {
            Ticket proxy = host.bean(EntityManagerFactory.class).callInTransaction(entities -> {
                entities.persist(new Ticket("proxied"));
                entities.flush();
                entities.clear();
                return entities.getReference(Ticket.class, "proxied");
            });
            assertThatThrownBy(() -> host.queueMessages().createMessage("tickets", proxy))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining(
                            "a proxy: " + proxy.getClass().getName().substring(0, 30))
                    .hasMessageContaining("Hibernate.unproxy");
        }
    }

    @Override
    void write(Host.Running host, String ticket) {
        host.bean(EntityManager.class).persist(new Ticket(ticket));
    }
}
