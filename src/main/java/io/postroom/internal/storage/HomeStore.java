package io.postroom.internal.storage;

import java.sql.Connection;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** What a database knows about itself as one home of several. Thread-safe. Failures are {@link io.postroom.api.StoreException}s. */
public interface HomeStore {
    /** Reads what is stored; empty: the database is no home yet. */
    Optional<StoredHome> read();

    /** Reads the same from a database that may have no schema yet; empty then. */
    Optional<StoredHome> readIfThere();

    /**
     * Makes the database a home, unless it is one already, and reads what is stored then. Two processes may do this at once: the first one
     * decides.
     */
    StoredHome adopt(String name, Set<String> homes, String rules);

    /** Notes the ids of the other homes where none is noted yet. */
    void know(Map<String, UUID> ids);

    /** Reads the name of the home that a connection of a user leads to; empty: its database is no home. */
    Optional<String> nameOn(Connection connection);

    /**
     * Takes the lock of those who change the rules, until it is closed. It holds a connection.
     *
     * @throws io.postroom.api.StoreException another one has it, among other failures
     */
    ChangeLock lock();

    /** Lists the queues that a change of the rules may concern: all but exclusive ones. */
    List<HomeQueue> queues();

    /** Says what keeps these queues from moving, a sentence each, besides their messages. */
    List<String> obstacles(Collection<String> queues);

    /** Reads the texts of the rules that this home had before, in no order. */
    List<String> pastRules();

    /** Keeps queues that these rules give another home from appearing or coming back here, for all that begins after this. */
    void announce(String nextRules);

    /**
     * Ends the creating of messages in these queues, for all that begins after this. What is there is worked off. A repeat changes nothing.
     * Waits for no transaction.
     *
     * @param movedTo where messages are created from now on, in words, by the name of the queue
     * @return the queues that are closed now; the others are held by open transactions
     */
    Set<String> close(Map<String, String> movedTo);

    /** Takes {@link #announce} back, and {@link #close} for these queues. */
    void withdraw(Collection<String> queues);

    /** Deletes closed queues, which are empty, for good. */
    void leave(Collection<String> queues);

    /** Lists the transactions that are open in this database, but for those of one session. */
    Set<String> openTransactions(int butOfPid);

    /** Counts what is left of the messages of these queues. Queues without any are left out. */
    List<Left> left(Collection<String> queues);

    /**
     * Stores other rules and homes on a database that is a home, and keeps the rules so far in {@link #pastRules}.
     *
     * @param returning queues that had left, and are open again from now on
     */
    void change(Set<String> homes, String rules, long version, Collection<String> returning);

    /** A lock that is held. */
    interface ChangeLock extends AutoCloseable {
        /** The process id of the session on the server that holds it. */
        int pid();

        /**
         * Requires that it is held. Each call keeps the session from being idle for longer.
         *
         * @throws io.postroom.api.StoreException it was lost
         */
        void require();

        @Override
        void close();
    }

    /**
     * A queue on a home.
     *
     * @param movedTo where its messages are created now, in words; empty: here
     * @param leaving whether it is closed and not deleted yet
     */
    record HomeQueue(String name, Optional<String> movedTo, boolean leaving) {}

    /** What is left in a queue; each count stops at 1,000. */
    record Left(String queue, long waiting, long inProgress, long dead) {}

    /**
     * A database as a home.
     *
     * @param name its name
     * @param id its own id, made once
     * @param homes all homes with their ids; empty: not known here yet
     * @param rules their text
     * @param version how often they were changed, from 1
     * @param changedAt when they were changed last
     * @param changedBy by which database user
     */
    record StoredHome(
            String name,
            UUID id,
            Map<String, Optional<UUID>> homes,
            String rules,
            long version,
            Instant changedAt,
            String changedBy) {
        public StoredHome {
            homes = Map.copyOf(homes);
        }
    }
}
