package io.postroom.spring;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.annotation.Transactional;

@PostgresTest
class AtomicJdbcTest extends AtomicContract {
    AtomicJdbcTest(TestDatabase database) {
        super(database);
    }

    @Override
    Host host(TestDatabase database) {
        return Host.on(database);
    }

    @Override
    Class<? extends Tickets> tickets() {
        return JdbcTickets.class;
    }

    @Transactional
    static class JdbcTickets implements Tickets {
        private final JdbcClient jdbc;

        JdbcTickets(JdbcClient jdbc) {
            this.jdbc = jdbc;
        }

        @Override
        public void add(String number) {
            if (number == null) {
                throw new IllegalArgumentException("no number");
            }
            jdbc.sql("INSERT INTO ticket VALUES (?)").param(number).update();
        }
    }
}
