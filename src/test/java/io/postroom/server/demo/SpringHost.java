package io.postroom.server.demo;

import io.postroom.Postroom;
import io.postroom.api.PostroomException;
import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailSettings;
import io.postroom.engine.EngineSettings;
import io.postroom.storage.Transactions;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

/** A host as the server is one: an engine in Spring's transactions, with the demo's handler and a folder for its mails. */
final class SpringHost implements AutoCloseable {
    private final DataSource dataSource;
    private final TransactionTemplate transactions;
    private final MailChannel channel;
    private final Postroom postroom;
    private final Path mails;

    private SpringHost(DataSource dataSource, Path mails, EngineSettings settings) {
        this.dataSource = dataSource;
        this.mails = mails;
        this.transactions = new TransactionTemplate(new DataSourceTransactionManager(dataSource));
        this.channel = MailChannel.open(MailSettings.defaults().folder(mails), TicketNotifications.templates());
        this.postroom = Postroom.on(dataSource)
                .transactions(new Managed())
                .handler(TicketNotifications.handler(channel))
                .settings(settings)
                .start();
    }

    static SpringHost start(DataSource dataSource, Path mails) {
        // Short leases: a killed one's messages shall come back soon.
        return new SpringHost(
                dataSource,
                mails,
                new EngineSettings(
                        "demo host",
                        Duration.ofSeconds(3),
                        Duration.ofMillis(500),
                        Duration.ofMillis(200),
                        true,
                        true));
    }

    Postroom postroom() {
        return postroom;
    }

    TransactionTemplate transactions() {
        return transactions;
    }

    Demo demo(TicketFile file, Consumer<String> terminal) {
        return new Demo(postroom.queueMessages(), dataSource, transactions, file, hints(mails), terminal);
    }

    static Demo.Hints hints(Path mails) {
        return new Demo.Hints("http://127.0.0.1:8080/api/v1", "psql postgresql://postroom@127.0.0.1/postroom", mails);
    }

    @Override
    public void close() {
        postroom.close();
        channel.close();
    }

    private final class Managed implements Transactions {
        @Override
        public boolean isOpen() {
            return TransactionSynchronizationManager.isActualTransactionActive();
        }

        @Override
        public <T> T join(Work<T> work) {
            boolean callers = isOpen();
            return transactions.execute(status -> {
                try {
                    return work.run(new Joined(callers));
                } catch (RuntimeException e) {
                    throw e;
                } catch (Exception e) {
                    throw new PostroomException("the transaction failed", e);
                }
            });
        }

        @Override
        public <T> T begin(Work<T> work) {
            return join(work);
        }
    }

    private final class Joined implements Transactions.Open {
        private final boolean callers;

        private Joined(boolean callers) {
            this.callers = callers;
        }

        @Override
        public Connection connection() {
            return DataSourceUtils.getConnection(dataSource);
        }

        @Override
        public boolean isCallers() {
            return callers;
        }

        @Override
        public void afterCommit(Runnable action) {
            TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
                @Override
                public void afterCommit() {
                    action.run();
                }
            });
        }

        @Override
        public void afterRollback(Runnable action) {
            TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
                @Override
                public void afterCompletion(int status) {
                    if (status != STATUS_COMMITTED) {
                        action.run();
                    }
                }
            });
        }
    }
}
