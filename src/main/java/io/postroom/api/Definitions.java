package io.postroom.api;

/**
 * A topology as a file: queues with their settings, exchanges and bindings, in Postroom's own format or that of RabbitMQ. Thread-safe. Each
 * call runs in a transaction of its own. Failures of the database are {@link StoreException}s.
 */
public interface Definitions {
    /** Longest file, in characters: 16 Mi. */
    int LONGEST_FILE = 16 * 1024 * 1024;

    /**
     * Writes queues with all their settings, exchanges and bindings as a definitions file of Postroom: JSON, indented, in the order of
     * names, the same text for the same topology. Exclusive queues, which go with their process, are left out with their bindings; so are
     * messages, pauses and stopped consumers.
     */
    String exportFile();

    /**
     * Declares what a definitions file of Postroom holds, in one transaction: all of it, or nothing. A queue that exists gets the settings
     * that the file names, as by {@link Queues#declare}: those that an operator has set stay, and so does what the file does not name. A
     * deleted queue comes back as a new one. Nothing is deleted. A dry run declares everything and rolls back. It finds each refusal but
     * one: a change of {@code ordered} is checked again at the commit. While other transactions that use queues are open, the import is
     * tried again, ten times in about 1.5 s. After that it fails with a {@link StoreException} (55P03), and nothing was declared.
     *
     * @param json the file's text, as {@link #exportFile} writes it
     * @param options a virtual host is refused: the file has none
     * @return a line for each definition; a queue whose settings are others than those of the file is said to differ
     * @throws InvalidMessageException the text is no such file, too long, of a later version, or has a member that is unknown or not what
     *     it must be: the text names the place, as in {@code queues[3].attempts}. Or a queue or exchange exists with another kind, a queue
     *     holds messages and would change {@code ordered}, or a binding does not fit its exchange. Nothing was declared
     * @throws ExchangeNotFoundException an exchange of a binding is neither there nor in the file. Nothing was declared
     * @throws QueueNotFoundException the queue of a binding is neither there nor in the file. Nothing was declared
     * @throws ExclusiveQueueException a queue of the file, or one that a binding leads to, belongs to a process. Nothing was declared
     */
    ImportReport importFile(String json, ImportOptions options);

    /**
     * Declares what a definitions file of RabbitMQ holds, as {@code rabbitmqctl export_definitions} or the management console writes it. In
     * one transaction: all that can be taken over, or nothing. What exists already stays; a deleted queue comes back as a new one.
     *
     * @param json the file's text
     * @return what was taken over, what differs and how, what was refused and why; in the order of the file
     * @throws InvalidMessageException the text is no such file, or too long; or a name is there already in another way. Nothing was
     *     declared
     * @throws ExclusiveQueueException a queue that a binding leads to belongs to a process. Nothing was declared
     */
    ImportReport importRabbitMq(String json, ImportOptions options);

    /**
     * Writes queues, exchanges and bindings as a definitions file that RabbitMQ can import.
     *
     * @param virtualHost the name of the virtual host that the file is to have, such as {@code /}
     */
    String exportRabbitMq(String virtualHost);
}
