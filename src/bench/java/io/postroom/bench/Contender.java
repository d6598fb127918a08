package io.postroom.bench;

import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** A queue to be measured: Postroom, a peer, or plain JDBC. Stateless; what it has open is a {@link Line}. */
interface Contender {
    /** The name as it stands in the tables, in lower case. */
    String name();

    /** How it was set, in one line for the report: threads, batch sizes, poll intervals. */
    String settings();

    /** Makes its tables in an empty database. Nothing works yet. */
    Line open(BenchDatabase database) throws Exception;

    /** A queue that is open, in a database of its own. Closed before the database is dropped. */
    interface Line extends AutoCloseable {
        /** Puts in messages for a drain, the fastest way it has. Not measured. Nothing works meanwhile. */
        void fill(int messages, String payload) throws Exception;

        /** One message; committed when this returns. Thread-safe. */
        void enqueue(String payload) throws Exception;

        /** Many, by its bulk call; committed when this returns. Thread-safe. */
        void enqueue(List<String> payloads) throws Exception;

        /** One message by a call that shares commits; done when it is durable. Only where {@link #hasGroupCommit}. */
        default CompletableFuture<?> enqueueAsync(String payload) {
            throw new IllegalStateException("shares no commits");
        }

        default boolean hasGroupCommit() {
            return false;
        }

        /**
         * Makes workers ready, without starting them. The handler is called with each payload on a worker's thread; it is quick and never
         * fails.
         */
        void prepare(Consumer<String> handler) throws Exception;

        /** Starts the workers. Measuring begins right before this. */
        void begin() throws Exception;

        /**
         * Messages whose handling is not acknowledged yet, as its own tables say after a commit. Asked every few milliseconds at the end of
         * a drain.
         */
        long unacknowledged() throws Exception;

        /**
         * Messages whose handling was acknowledged since {@link #begin}, cheap to ask. Only where a workload watches a drain that goes on.
         */
        default long acknowledged() {
            throw new IllegalStateException("does not count");
        }

        /** Vacuums what it has in other databases than the one it was opened on. */
        default void settle() throws SQLException {}

        /** Ends the workers, quickly, and closes its pools. Messages may be left. */
        @Override
        void close() throws Exception;
    }
}
