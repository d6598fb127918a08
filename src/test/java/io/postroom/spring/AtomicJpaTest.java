package io.postroom.spring;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import jakarta.persistence.EntityManager;
import org.springframework.transaction.annotation.Transactional;

@PostgresTest
class AtomicJpaTest extends AtomicContract {
    AtomicJpaTest(TestDatabase database) {
        super(database);
    }

    @Override
    Host host(TestDatabase database) {
        return Host.on(database).jpa().with("spring.jpa.hibernate.ddl-auto", "update");
    }

    @Override
    Class<? extends Tickets> tickets() {
        return JpaTickets.class;
    }

    @Transactional
    static class JpaTickets implements Tickets {
        private final EntityManager entities;

        JpaTickets(EntityManager entities) {
            this.entities = entities;
        }

        @Override
        public void add(String number) {
            if (number == null) {
                throw new IllegalArgumentException("no number");
            }
            entities.persist(new Ticket(number));
        }
    }
}
