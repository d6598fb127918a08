package io.postroom.internal.postgres;

import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * What {@code postroom.admit} answers about a queue that needs more than the INSERT.
 *
 * @param waiting how many were READY; 0 where nothing was counted
 * @param surplus how many of the new messages are above the limit; 0 where that is found out later
 * @param afterSeq a number below those of all new messages
 */
record Admission(int queueId, String queue, Answer answer, long maxLength, long waiting, long surplus, long afterSeq) {

    /** What is to be done. */
    enum Answer {
        /** The number is not that of the queue of this name any more. */
        CHANGED(1),
        /** The queue refuses. */
        FULL(2),
        /** The queue is to be shortened after the INSERT. */
        SETTLE(3);

        private final int code;

        Answer(int code) {
            this.code = code;
        }

        /** The number that {@code admit} answers. It never changes, whatever the order of the constants. */
        int code() {
            return code;
        }

        private static Answer of(int code) {
            for (Answer answer : values()) {
                if (answer.code == code) {
                    return answer;
                }
            }
            throw new IllegalStateException(
                    "the function admit of the database answered " + code
                            + ", which this version does not know. Update this process to the version of the database's functions");
        }
    }

    static Admission of(ResultSet row) throws SQLException {
        return new Admission(
                row.getInt(1),
                row.getString(2),
                Answer.of(row.getInt(3)),
                row.getLong(4),
                row.getLong(5),
                row.getLong(6),
                row.getLong(7));
    }

    /** Whether the queue has no room for all of the new messages. */
    boolean isAboveLimit() {
        return answer == Answer.FULL || surplus > 0;
    }
}
