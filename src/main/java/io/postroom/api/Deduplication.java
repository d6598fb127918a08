package io.postroom.api;

/**
 * Until when a message holds its deduplication key, and what a second message with the key does. Immutable.
 *
 * <pre>{@code
 * CreateMessage.to("sync").deduplicate("customer-42", Deduplication.untilStart().keepFirst())
 * }</pre>
 *
 * <p>Nothing is written when a message starts or ends. Whoever asks for a held key looks at the message that holds it, by the words of its
 * own message: two calls with one key may ask for different things. A message that has outlived its time to live waits no more. The look
 * needs READ COMMITTED, as an older snapshot shows the message where it was.
 *
 * @param until until when the other message holds the key
 * @param onDuplicate what a message does whose key is held
 */
public record Deduplication(Until until, OnDuplicate onDuplicate) {
    /** What holds without a word: the key is held until its message is purged, and other content is refused. */
    public static final Deduplication DEFAULT = new Deduplication(Until.PURGED, OnDuplicate.REFUSE);

    /** Until when a message holds its key. */
    public enum Until {
        /** Until the message is purged, whatever became of it: a repeat of the call years later finds it, if it is kept so long. */
        PURGED("purged"),
        /** Until the message is DONE, CANCELLED or EXPIRED in all its queues, or given up as a dead letter. */
        END("end"),
        /** While the message waits to be started, again after a failure too; of several queues, while it waits in all of them. */
        START("start");

        private final String code;

        Until(String code) {
            this.code = code;
        }

        /**
         * Finds one by its word in SQL and JSON.
         *
         * @throws InvalidMessageException there is no such word
         */
        public static Until ofCode(String code) {
            return Limits.requireWord("deduplicateUntil", values(), Until::code, code, "purged, end or start");
        }

        /** The word in SQL and JSON. */
        public String code() {
            return code;
        }
    }

    /** What a message does whose key is held. It is not stored, but for {@link #REPLACE}. */
    public enum OnDuplicate {
        /** Answers {@code isNew = false} if the content is the same, else {@link DuplicateMessageException}. */
        REFUSE("refuse"),
        /** Answers {@code isNew = false}, whatever the content. */
        KEEP("keep"),
        /**
         * Cancels the message that holds the key, if it waits, and takes its place at the end of the queue. Else like {@link #KEEP}. Waits
         * for another transaction that changes that message, such as an open cancel.
         */
        REPLACE("replace"),
        /**
         * Gives the message that holds the key, if it waits, the due time of this one. Its content and the end of its time to live stay. If
         * it would expire before the due time, it is replaced as by {@link #REPLACE}. If it does not wait, like {@link #KEEP}. Waits as
         * {@link #REPLACE} does.
         */
        RESCHEDULE("reschedule");

        private final String code;

        OnDuplicate(String code) {
            this.code = code;
        }

        /**
         * Finds one by its word in SQL and JSON.
         *
         * @throws InvalidMessageException there is no such word
         */
        public static OnDuplicate ofCode(String code) {
            return Limits.requireWord(
                    "onDuplicate", values(), OnDuplicate::code, code, "refuse, keep, replace or reschedule");
        }

        /** The word in SQL and JSON. */
        public String code() {
            return code;
        }
    }

    /** A key that is held until the message is purged. Other content is refused. */
    public static Deduplication untilPurged() {
        return DEFAULT;
    }

    /** A key that is held until the message has ended: one of a kind at a time, waiting or in progress. Other content is refused. */
    public static Deduplication untilEnd() {
        return new Deduplication(Until.END, OnDuplicate.REFUSE);
    }

    /**
     * A key that is held until the message starts. A second message that comes while the first runs is stored: what it tells may be news to
     * the run. The message that waits is kept from starting until the transaction of the second one ends. Other content is refused.
     */
    public static Deduplication untilStart() {
        return new Deduplication(Until.START, OnDuplicate.REFUSE);
    }

    /** Keeps the first message and drops the second, whatever the content. */
    public Deduplication keepFirst() {
        return new Deduplication(until, OnDuplicate.KEEP);
    }

    /** Replaces a first message that waits. */
    public Deduplication replaceWaiting() {
        return new Deduplication(until, OnDuplicate.REPLACE);
    }

    /** Gives a first message that waits the due time of the second: with a delay, the work is put off until it has been quiet so long. */
    public Deduplication rescheduleWaiting() {
        return new Deduplication(until, OnDuplicate.RESCHEDULE);
    }
}
