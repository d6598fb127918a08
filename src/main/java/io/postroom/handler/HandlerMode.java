package io.postroom.handler;

/** Says what holds a message while its handler runs. */
public enum HandlerMode {
    /**
     * A lease alone. The handler runs outside any transaction of Postroom; its effects may happen again if the worker dies before the
     * message is completed.
     */
    LEASED,
    /**
     * A lease and a transaction of the host's manager. The handler's writes and the completion commit together, or neither does: any
     * outcome but Done rolls the writes back.
     */
    ATOMIC
}
