package io.postroom.api;

/** What happens to a message that would make a queue longer than its maximum length: {@link QueueSettings#maxLength(long, Overflow)}. */
public enum Overflow {
    /**
     * The new message comes in, and what waits goes: the lowest priority first, and of it the oldest. That may be the new message itself.
     * A message that a consumer has had before stays. The default.
     */
    DROP_HEAD("drop_head"),

    /** The new message is refused with {@link QueueFullException}, and nothing of the call is written. */
    REJECT("reject"),

    /**
     * The new message goes through the dead letter exchange of the queue instead, and the call succeeds. A queue without a dead letter
     * exchange refuses as with {@link #REJECT}.
     */
    REJECT_TO_DEAD_LETTER_EXCHANGE("reject_to_dead_letter_exchange");

    private final String code;

    Overflow(String code) {
        this.code = code;
    }

    /** The text in {@code queue_stats.overflow}. It never changes. */
    public String code() {
        return code;
    }

    /** Finds the overflow with this {@link #code}. */
    public static Overflow ofCode(String code) {
        return Limits.requireWord(
                "overflow", values(), Overflow::code, code, "drop_head, reject or reject_to_dead_letter_exchange");
    }
}
