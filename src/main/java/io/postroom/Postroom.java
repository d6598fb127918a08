package io.postroom;

import io.postroom.api.EngineSettings;
import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PostroomListener;
import java.time.Duration;
import java.util.List;
import javax.sql.DataSource;

/**
 * A running message queue engine on a PostgreSQL database.
 *
 * <pre>{@code
 * try (Postroom postroom = Postroom.on(dataSource).handler(Handler.send("mail", Mail.class, (mail, context) -> ...)).start()) {
 *     postroom.queueMessages().createMessage("mail", new Mail(...));
 * }
 * }</pre>
 */
public interface Postroom extends AutoCloseable {
    /** How long {@link #close} lets running handlers go on. */
    Duration DEFAULT_DRAIN = Duration.ofSeconds(30);

    /** Begins to build one. The DataSource is the host's: messages created without a caller's transaction commit on it. */
    static Builder on(DataSource dataSource) {
        return new PostroomBuilder(dataSource);
    }

    QueueMessages queueMessages();

    Queues queues();

    /** What is wrong right now, as sentences; empty: nothing. For health checks. */
    List<String> problems();

    /** Stops claiming, waits up to {@code drain} for running handlers, gives the rest back. The API stays usable until {@link #close}. */
    void stop(Duration drain);

    /** {@link #stop} with {@link #DEFAULT_DRAIN}, then closes what Postroom opened itself. Repeating it does nothing. */
    @Override
    void close();

    /** Everything has a default. Not thread-safe. */
    interface Builder {
        /** Connections for the engine alone; default a small pool with the settings of a HikariDataSource, else the host's DataSource. */
        Builder engineDataSource(DataSource own);

        /** Default MIGRATE. */
        Builder schema(SchemaMode mode);

        /** Whether this process handles messages; default true. Without, it only creates them. */
        Builder workers(boolean on);

        Builder handler(Handler handler);

        /** Asked about errors where a handler names nobody itself. */
        Builder onError(HandlingErrorSend handling);

        /** Default Jackson. */
        Builder codec(PayloadCodec codec);

        /** Several apply in the order they are added, the first outermost. */
        Builder interceptor(MessageInterceptor interceptor);

        Builder listener(PostroomListener listener);

        /** The host's transactions; default: each call on a connection of its own. */
        Builder transactions(Transactions transactions);

        /** Default {@link EngineSettings#defaults}. */
        Builder settings(EngineSettings settings);

        /** As set so far. */
        EngineSettings settings();

        /** Migrates or validates, checks the server, starts. Fails with what to do about it. */
        Postroom start();

        /** The first half of {@link #start}: messages can be created, none is handled until {@link DefaultPostroom#startWorkers}. */
        DefaultPostroom prepare();
    }
}
