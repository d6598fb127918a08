package io.postroom.api;

/** How long a queue lives. {@link Queues#delete} ends a queue of each kind. */
public enum QueueKind {
    /** It stays until it is deleted. The default. */
    DURABLE("durable"),

    /**
     * It belongs to the process that declares it, and goes with that process: at its end, or a lease time after it was killed. Other
     * processes may create messages in it, and nothing else: {@link ExclusiveQueueException}.
     */
    EXCLUSIVE("exclusive"),

    /**
     * It goes when its last consumer has left, and never before it had one. A process that was killed counts as left after the lease time.
     * So a restart of the only process that consumes it deletes it. {@code sendMessageSync} and looking at messages are no consumers.
     */
    AUTO_DELETE("auto_delete");

    private final String code;

    QueueKind(String code) {
        this.code = code;
    }

    /** The text in {@code queue_stats.kind}. It never changes. */
    public String code() {
        return code;
    }

    /**
     * Finds the one with this {@link #code}.
     *
     * @throws InvalidMessageException no kind has this code
     */
    public static QueueKind ofCode(String code) {
        return Limits.requireWord("kind", values(), QueueKind::code, code, "durable, exclusive or auto_delete");
    }
}
