package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

@PostgresTest
class DataSourceProxiesTest {
    /** What the host makes of its data source, for the configuration below. */
    private static volatile UnaryOperator<DataSource> wrapper = UnaryOperator.identity();

    private static volatile DataSource real;

    @Test
    void a_lazy_proxy_works(TestDatabase database) {
        works(database, LazyConnectionDataSourceProxy::new);
    }

    @Test
    void a_transaction_aware_proxy_works(TestDatabase database) {
        works(database, TransactionAwareDataSourceProxy::new);
    }

    @Test
    void a_lazy_proxy_behind_a_transaction_aware_one_works(TestDatabase database) {
        works(database, pool -> new TransactionAwareDataSourceProxy(new LazyConnectionDataSourceProxy(pool)));
    }

    @Test
    void a_JDK_proxy_as_of_tracing_libraries_works(TestDatabase database) {
        works(database, pool -> (DataSource) Proxy.newProxyInstance(
                pool.getClass().getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    try {
                        return method.invoke(pool, arguments);
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                }));
    }

    private void works(TestDatabase database, UnaryOperator<DataSource> proxy) {
        wrapper = proxy;
        real = database.pool();
        try (Host.Running host = Host.bare().with(Proxied.class, Worker.class).start()) {
            TransactionTemplate transaction = new TransactionTemplate(host.bean(PlatformTransactionManager.class));
            JdbcClient outside = JdbcClient.create(
                    new DriverManagerDataSource(database.url(), database.user(), database.password()));

            Created rolledBack = transaction.execute(status -> {
                status.setRollbackOnly();
                return host.queueMessages().createMessage("proxied", "gone");
            });
            Created committed = transaction.execute(status -> {
                Created created = host.queueMessages().createMessage("proxied", "kept");
                assertThat(count(outside, created)).as("before the commit").isZero();
                return created;
            });
            Created alone = host.queueMessages().createMessage("proxied", "alone");

            host.await(committed, MessageState.DONE);
            host.await(alone, MessageState.DONE);
            assertThat(count(outside, rolledBack)).isZero();
            assertThat(host.bean(Worker.class).worked).containsExactlyInAnyOrder("\"kept\"", "\"alone\"");
        }
    }

    private static int count(JdbcClient outside, Created created) {
        return outside.sql("SELECT count(*) FROM postroom.message WHERE id = ?")
                .param(created.id())
                .query(Integer.class)
                .single();
    }

    @Configuration(proxyBeanMethods = false)
    static class Proxied {
        @Bean(destroyMethod = "")
        DataSource dataSource() {
            return wrapper.apply(real);
        }
    }

    static class Worker {
        final List<String> worked = new CopyOnWriteArrayList<>();

        @ProcessingMessage("proxied")
        void work(String payload) {
            worked.add(payload);
        }
    }
}
