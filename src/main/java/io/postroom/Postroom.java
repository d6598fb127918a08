package io.postroom;

import io.postroom.api.AccessTokens;
import io.postroom.api.Batches;
import io.postroom.api.Consumers;
import io.postroom.api.Database;
import io.postroom.api.DeadLetters;
import io.postroom.api.Definitions;
import io.postroom.api.EngineSettings;
import io.postroom.api.EntrySecrets;
import io.postroom.api.Exchanges;
import io.postroom.api.FileImport;
import io.postroom.api.FileImports;
import io.postroom.api.Ledger;
import io.postroom.api.Limiter;
import io.postroom.api.Limiters;
import io.postroom.api.Mailboxes;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.Queues;
import io.postroom.api.RecentFailures;
import io.postroom.api.ReplyCounts;
import io.postroom.api.Schedule;
import io.postroom.api.Schedules;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.QueueStatsListener;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * A running message queue engine on a PostgreSQL database.
 *
 * <pre>{@code
 * try (Postroom postroom = Postroom.on(dataSource).handler(Handler.send("mail", Mail.class, (mail, context) -> ...)).start()) {
 *     postroom.queueMessages().createMessage("mail", new Mail(...));
 * }
 * }</pre>
 *
 * <p>Thread-safe.
 */
public interface Postroom extends AutoCloseable {
    /** The time that {@link #close} gives running handlers: 30 seconds. */
    Duration DEFAULT_DRAIN = Duration.ofSeconds(30);

    /**
     * Begins to build an engine.
     *
     * @param dataSource the host's; messages created without a caller's transaction commit on it
     * @throws PostroomException the class path has annotations of Jackson that are too old for Jackson 3
     */
    static Builder on(DataSource dataSource) {
        JacksonAnnotations.require();
        return new PostroomBuilder(dataSource);
    }

    /** Creates, finds and sends messages. Usable until {@link #close}. */
    QueueMessages queueMessages();

    /** Declares, pauses and empties queues. Usable until {@link #close}. */
    Queues queues();

    /** Declares exchanges and binds queues to them. Usable until {@link #close}. */
    Exchanges exchanges();

    /** Imports and exports queues, exchanges and bindings as files. Usable until {@link #close}. */
    Definitions definitions();

    /** Declares, pauses and lists schedules, which create messages at planned times. Usable until {@link #close}. */
    Schedules schedules();

    /** Reads and changes the entries of external systems. Usable until {@link #close}. */
    SettingsRegistry settings();

    /** Finds the secrets that entries point at, for code that receives from an external system. Usable until {@link #close}. */
    EntrySecrets secrets();

    /** Creates, seals, cancels and finds batches of messages. Usable until {@link #close}. */
    Batches batches();

    /** Lists the files that imports have taken, and how far each is. Usable until {@link #close}. */
    FileImports fileImports();

    /** Lists the mailboxes whose mails become messages, and how each stands. Usable until {@link #close}. */
    Mailboxes mailboxes();

    /** Discards dead letters. Usable until {@link #close}. */
    DeadLetters deadLetters();

    /** Limits how many messages start in a period, and how many are in progress. Usable until {@link #close}. */
    Limiters limiters();

    /** Lists, stops and starts the consumers of queues in all processes. Usable until {@link #close}. */
    Consumers consumers();

    /** Reads what people did. Usable until {@link #close}. */
    Ledger ledger();

    /** Makes, lists and revokes tokens for the HTTP API and the console of the server. Usable until {@link #close}. */
    AccessTokens accessTokens();

    /** Looks at the database as a whole: what is wrong with it, and what to do. Usable until {@link #close}. */
    Database database();

    /**
     * What keeps this process from its work right now, as sentences; empty: nothing. Includes missing rights and row security, as of the
     * last look, at most a minute old. For health checks: asks no database.
     */
    List<String> problems();

    /**
     * Names queues that have READY messages and had no consumer in any process for a minute, and settings that handlers here need and that
     * cannot be used, as sentences; empty: none. For health checks: asks no database.
     */
    List<String> warnings();

    /**
     * What failed in this process lately: dead letters and failed attempts. For health checks: asks no database.
     *
     * @param within how far to look back, exact to ten seconds; longer than 1 hour counts as 1 hour, although {@link RecentFailures#within}
     *     is as given
     */
    RecentFailures recentFailures(Duration within);

    /** Counts requests and replies of this process. For health checks: asks no database. */
    ReplyCounts replyCounts();

    /**
     * Stops claiming, waits for running handlers, and gives waiting messages back. Then ends what still waits in {@code sendAndReceive},
     * which is refused from then on. Repeating it does nothing. {@link #queueMessages}, {@link #queues} and {@link #consumers} stay usable
     * otherwise until {@link #close}.
     *
     * @param drain how long running handlers may go on; after it they are interrupted and get five seconds more. Negative counts as 0,
     *     longer than 400 days as 400 days
     */
    void stop(Duration drain);

    /** Does {@link #stop} with {@link #DEFAULT_DRAIN}, then closes what Postroom opened itself. Repeating it does nothing. */
    @Override
    void close();

    /** Settings of an engine before it starts. Each has a default. Not thread-safe: build on one thread. */
    interface Builder {
        /**
         * Connections for the engine alone. Default: a small pool with the settings of the host's DataSource where that is a
         * HikariDataSource, else the host's DataSource itself. Postroom does not close it.
         */
        Builder engineDataSource(DataSource own);

        /** Sets what to do about the schema at start; default {@link SchemaMode#MIGRATE}. */
        Builder schema(SchemaMode mode);

        /** Whether this process handles messages and runs jobs; default true. Without, it only creates messages. */
        Builder workers(boolean on);

        /** Whether this process may create {@link io.postroom.api.CreateMessage#killSignal kill signals}; default false. */
        Builder killSignals(boolean on);

        /**
         * Declares a queue at the start, before the queues of the handlers; default none. Several are declared in the order they are added.
         * A handler's queue thus gets another {@link io.postroom.api.QueueKind} than durable.
         */
        Builder queue(QueueSettings settings);

        /**
         * Declares the entry of an external system at the start; default none. What an operator has set stays: see {@link
         * SettingsRegistry#declare}.
         */
        Builder settingsEntry(SettingsEntry entry);

        /**
         * Declares a schedule at the start; default none. Of several with one name the last one counts. What an operator has set stays: see
         * {@link Schedules#declare}.
         */
        Builder schedule(Schedule schedule);

        /**
         * Adds the check of a channel's entries; default none. {@code HttpSender} and {@code MailChannel} are such checks.
         *
         * @throws IllegalArgumentException from {@link #start}: two are of one channel
         */
        Builder settingsCheck(SettingsCheck check);

        /**
         * Sets where secrets named {@code property:name} are found; default the system properties. Answers null for a property that is not
         * there. Called by handler threads.
         */
        Builder secretProperties(UnaryOperator<@Nullable String> properties);

        /**
         * Declares a limiter at the start; default none. Its queue is declared, too, where it is missing. What an operator has set with
         * {@link Limiters#set} stays.
         */
        Builder limiter(Limiter limiter);

        /**
         * Names the external system that the messages of a queue go to, at the start; default none. Declares the queue, too, where it is
         * missing. A queue whose settings or destination an operator has set keeps its own. A second call for the queue replaces the
         * first. See {@link Limiters#setDestination}.
         *
         * @throws InvalidMessageException one of the names breaks the rules for names
         */
        Builder destination(String queue, String destination);

        /**
         * Refuses declarations by this process that name other settings than the last declaration of the queue did; default false, and the
         * last one wins. What handlers give their queues counts as a declaration. An operator's values are not compared.
         */
        Builder strictDeclarations(boolean on);

        /**
         * Adds an import: files of a folder become messages; default none. Runs in processes with {@link #workers}. Each import has a name
         * of its own.
         *
         * @throws IllegalArgumentException two imports have the same name
         */
        Builder fileImport(FileImport settings);

        /** Adds a handler; default none. Two that take the same messages, or with the same id, are refused at {@link #start}. */
        Builder handler(Handler handler);

        /**
         * Sets what decides about errors of handlers without error handling of their own; default none: the retry policy decides. Called
         * by handler threads.
         */
        Builder onError(HandlingErrorSend handling);

        /**
         * Turns payloads into JSON and back; default a {@link JacksonPayloadCodec} with rules of its own. Called by many threads at once.
         * Must be the same in all processes that share a queue.
         */
        Builder codec(PayloadCodec codec);

        /**
         * Adds a step from one version of a type to the next; default none. Two for the same step are refused at {@link #start}. Called by
         * handler threads.
         */
        Builder upcaster(PayloadUpcaster upcaster);

        /**
         * Adds an interceptor; default none. Several apply in the order they are added, the first outermost. Called by many threads at
         * once.
         */
        Builder interceptor(MessageInterceptor interceptor);

        /**
         * Adds a listener; default none. Called by threads of the engine after each commit: it must be quick, and what it throws is
         * logged.
         */
        Builder listener(PostroomListener listener);

        /** Adds what is given the counts of all queues, for metrics; default none, and then nothing is counted. */
        Builder queueStatsListener(QueueStatsListener listener);

        /** The host's transactions; default: each call on a connection of its own. Called by many threads at once. */
        Builder transactions(Transactions transactions);

        /** Times and switches of the engine; default {@link EngineSettings#defaults} with host name and process id as name. */
        Builder settings(EngineSettings settings);

        /**
         * Sets the upper bound for the threads that run handlers, 1 to 10,000; default 1,000. All queues of the process share them, and
         * they start as messages need them. Changes the {@link #settings()} set so far.
         *
         * @throws IllegalArgumentException the number is out of bounds
         */
        default Builder handlerThreads(int most) {
            return settings(settings().withHandlerThreads(most));
        }

        /**
         * Runs handlers on virtual threads; default false. Changes the {@link #settings()} set so far.
         *
         * @throws IllegalArgumentException this Java is older than 21
         */
        default Builder virtualThreads(boolean on) {
            return settings(settings().withVirtualThreads(on));
        }

        /** The settings as set so far. */
        EngineSettings settings();

        /**
         * Migrates or validates the schema, checks the server, and starts. After an error nothing that Postroom opened is left open.
         *
         * @throws PostroomException says what is wrong with the server, the schema, a queue's declaration or a handler's payload class, and
         *     what to do
         * @throws IllegalArgumentException two handlers would take the same messages, or have the same id; or two upcasters the same step
         */
        Postroom start();

        /**
         * Does the first half of {@link #start}: messages can be created, none is handled until {@link DefaultPostroom#startWorkers}.
         * Fails as {@link #start} does. For the starter, which finds handlers later; the caller closes the result after an error.
         */
        DefaultPostroom prepare();
    }
}
