package io.postroom.homes;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Function;
import javax.sql.DataSource;

/**
 * Running engines on several databases, one on each: the homes of queues. For users who have outgrown one database; a single database
 * needs {@link Postroom} alone.
 *
 * <pre>{@code
 * try (PostroomHomes homes = PostroomHomes.on(Map.of("main", main, "second", second))
 *         .rules(HomeRules.allOn("main").queue("mail", "second"))
 *         .handler(Handler.send("mail", Mail.class, (mail, context) -> ...))
 *         .start()) {
 *     homes.queueMessages().createMessage("mail", new Mail(...));   // stored on "second"
 * }
 * }</pre>
 *
 * <p>Each home has a whole schema {@code postroom} of its own, and keeps the rules with its name. A process whose homes or rules are other
 * ones than those stored is refused at its start.
 *
 * <p>A home that is down at the start, or goes down later, holds up nobody else: what needs it fails with {@link HomeDownException}, and it
 * is in use again by itself. What holds for a queue, holds for each part of a queue alone: its order, its deduplication keys, its limits.
 *
 * <p>Thread-safe.
 */
public interface PostroomHomes extends AutoCloseable {
    /** Most homes: 1,000. */
    int MOST_HOMES = 1_000;
    /** How long one home may take for an answer when several are asked, and for its start: 10 seconds. */
    Duration DEFAULT_TIME_LIMIT = Duration.ofSeconds(10);

    /**
     * Begins to build.
     *
     * @param homes the data source of each home by the home's name; 1 to 1,000 names as queues have them
     * @throws InvalidMessageException a name, or the number of homes, is outside its limits
     * @throws IllegalArgumentException two names have the same data source
     */
    static Builder on(Map<String, ? extends DataSource> homes) {
        return new HomesBuilder(homes);
    }

    /**
     * Creates, finds and sends messages, each on the home of its queue.
     *
     * <ul>
     *   <li>The create methods join the open transaction where it is one of the home of the queue. Where it is one of another home they
     *       refuse with {@link io.postroom.api.WrongTransactionException}, which names both. {@code createMessage(message, connection)}
     *       asks the connection which home it leads to, in one statement. With one home it does not: the connection must lead to that
     *       home, as with {@link Postroom}.
     *   <li>{@code createMessages} creates all or none, and so refuses messages of several homes with {@link InvalidMessageException}:
     *       {@link #byHome} groups them.
     *   <li>{@code find}, {@code history}, {@code explain}, {@code path} and the lists ask all homes at the same time, or those of the
     *       queue that the filter names. {@code cancel}, {@code reschedule}, {@code redrive} and {@code cancelRunning} act where the
     *       message is. When the answer might be on a home that is down, they fail with {@link HomeDownException};
     *       {@link #find(MessageFilter)} gives what the others have.
     *   <li>A message through an exchange reaches the queues of the exchange's home alone.
     *   <li>{@code redrive(filter, perSecond)} needs a filter with a queue that has one home.
     * </ul>
     */
    QueueMessages queueMessages();

    /** The rules that say where a queue lives. */
    HomeRules rules();

    /** The names of all homes, in order. */
    List<String> names();

    /**
     * The whole engine of one home, for all that belongs to one database: queues, exchanges, schedules, batches, settings and so on.
     *
     * @throws IllegalArgumentException there is no home of this name
     * @throws HomeDownException no engine runs on it now
     */
    Postroom home(String name);

    /**
     * Names the home, as {@link HomeRules#homeOf(CreateMessage)} does. Each call may name another part for a message without a key in a
     * queue with parts.
     *
     * @throws InvalidMessageException no rule gives the queue a home
     */
    QueueHome homeOf(CreateMessage message);

    /**
     * Asks all homes at the same time which of them has a message. The first that has it answers, whatever the others do.
     *
     * @return empty: all homes have answered, and none has it
     * @throws HomeDownException no home that answered has it, and some gave no answer
     */
    Optional<String> homeOf(UUID messageId);

    /**
     * Groups messages by their homes, for one {@code createMessages} a home. Keeps the order of the messages of one home. A message of a
     * queue with parts names its part then, so that it stays where it was put.
     *
     * @throws InvalidMessageException no rule gives a queue a home
     */
    Map<String, List<CreateMessage>> byHome(Collection<CreateMessage> messages);

    /** Lists the messages of all homes, or of the queue that the filter names, the newest first. */
    HomeAnswers<Message> find(MessageFilter filter);

    /** Counts the messages of all queues on all homes, in the order of names; each part of a queue is one of them. */
    HomeAnswers<QueueStats> stats();

    /**
     * Asks all homes at the same time, each on a thread of its own. For lists, with one list a home as an answer. Answers come in the order
     * of the homes' names.
     *
     * @throws RuntimeException what the question threw on a home that is up
     */
    <T> HomeAnswers<T> ask(Function<Postroom, List<T>> question);

    /**
     * Asks some homes at the same time, each on a thread of its own; a single one on the caller's thread. Answers come in the order of
     * {@code homes}. A name that is given twice is asked once.
     *
     * @param question is given the name of the home and its engine
     * @throws IllegalArgumentException there is no home of one of these names
     * @throws RuntimeException what the question threw on a home that is up
     */
    <T> HomeAnswers<T> ask(Collection<String> homes, BiFunction<String, Postroom, List<T>> question);

    /** How each home stands, in the order of names. Asks no database. */
    List<HomeStatus> states();

    /** As {@link Postroom#problems}, each with the name of its home, and the homes on which no engine runs. */
    List<String> problems();

    /** As {@link Postroom#warnings}, each with the name of its home. */
    List<String> warnings();

    /** Does {@link Postroom#stop} on all homes at the same time. */
    void stop(Duration drain);

    /** Does {@link Postroom#close} on all homes at the same time. Repeating it does nothing. */
    @Override
    void close();

    /** Settings before the start. Not thread-safe. */
    interface Builder {
        /**
         * Says where each queue lives. Needed with two homes or more; with one home the default puts all queues there.
         *
         * @throws InvalidMessageException a rule names a home that {@link #on} was not given
         */
        Builder rules(HomeRules rules);

        /** As {@link Postroom.Builder#schema}, for each home. */
        Builder schema(SchemaMode mode);

        /**
         * Adds a handler. One with a queue's name runs on the home of the queue; of a queue with parts, on each part with its own
         * concurrency. One with a pattern runs on all homes. A queue without a home is refused at the start.
         */
        Builder handler(Handler handler);

        /** Declares a queue at the start on its home; of a queue with parts, each part. One without a home is refused then. */
        Builder queue(QueueSettings settings);

        /**
         * The host's transactions on one home; default none, as with {@link Postroom.Builder#transactions}.
         *
         * @throws IllegalArgumentException there is no home of this name
         */
        Builder transactions(String home, Transactions transactions);

        /**
         * Sets all else of each engine: workers, interceptors, codec, times, what only one home has. Called for each home, and again when a
         * start has failed because the home was down; then on a thread of its own. {@link #schema}, and {@link #transactions} where set,
         * come after it.
         */
        Builder each(BiConsumer<String, Postroom.Builder> settings);

        /**
         * Sets how long one home may take for an answer when several are asked, and for its start; 1 ms to 1 h, default 10 seconds. One
         * that takes longer counts as down for this call. A start that took longer goes on, and the home is in use when it ends.
         *
         * @throws InvalidMessageException outside these limits
         */
        Builder timeLimit(Duration limit);

        /**
         * Starts an engine on each home. After an error nothing that Postroom opened is left open.
         *
         * @throws PostroomException a home is not what its name says, has other rules, or cannot be used; the text names the home and says
         *     what to do
         * @throws InvalidMessageException the rules are missing with two homes or more, or give no home to the queue of a handler or a
         *     declaration
         * @throws HomeDownException no home can be reached; or some cannot, and this is the first start of these homes, which needs all
         */
        PostroomHomes start();

        /**
         * Stores these homes and rules instead of those so far, and starts nothing. Other processes may go on meanwhile: their creating of
         * messages in queues that lose their home is refused from then on, until they start with the new rules.
         *
         * <p>A queue that loses its home is emptied first: handlers go on with it, and nothing new is created in it. So does each part of a
         * queue whose number of parts changes. Dead letters are messages, too: redrive or discard them before. Deduplication keys and
         * settings of a queue stay behind; a handler or a declaration makes the queue on its new home. A queue that is bound to an
         * exchange, or that a schedule creates messages in, is refused.
         *
         * @param longest how long this may wait for messages and open transactions; then all is as it was
         * @return what was changed; a repeat with the same rules is a change without moved queues
         * @throws PostroomException the text says what is in the way, such as messages that are left; nothing was changed
         * @throws HomeDownException a home cannot be reached. A change that had begun is finished by a repeat, and until then no process
         *     starts
         */
        RulesChange changeRules(Duration longest);

        /**
         * Reads the rules that the homes have stored, and starts nothing. Needs no {@link #rules}. A database that is no home yet is left
         * out.
         *
         * @throws PostroomException a database cannot be used; the text names the home
         * @throws HomeDownException no home can be reached
         */
        HomeAnswers<StoredRules> storedRules();

        /**
         * Does the first half of {@link #start}: messages can be created, none is handled until {@link DefaultPostroomHomes#startWorkers}.
         * Fails as {@link #start} does. For the starter, which finds handlers later.
         */
        DefaultPostroomHomes prepare();

        /**
         * Does what {@link #prepare} does, and leaves the homes as they are: a database that is no home yet is refused, no home is told the
         * ids of the others, and one that is down now is not tried again. For commands that only look; with {@link SchemaMode#NONE} it
         * writes nothing.
         */
        DefaultPostroomHomes prepareToLook();
    }
}
