package io.postroom.handler;

/** What holds a message while its handler runs. */
public enum HandlerMode {
    /** A lease: the handler runs outside any transaction of ours; its own effects may happen again when the worker dies before completing. */
    LEASED,
    /** A lease and a transaction of the host's manager: the handler's writes and the completion commit together, or neither does. */
    ATOMIC
}
