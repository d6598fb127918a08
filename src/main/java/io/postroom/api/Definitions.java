package io.postroom.api;

/**
 * A topology as a file: queues, exchanges and bindings of another broker become ours, and ours become a file for it. Thread-safe. Each call
 * runs in a transaction of its own. Failures of the database are {@link StoreException}s.
 */
public interface Definitions {
    /** Longest file, in characters: 16 Mi. */
    int LONGEST_FILE = 16 * 1024 * 1024;

    /**
     * Declares what a definitions file of RabbitMQ holds, as {@code rabbitmqctl export_definitions} or the management console writes it. In
     * one transaction: all that can be taken over, or nothing. What exists already stays.
     *
     * @param json the file's text
     * @return what was taken over, what differs and how, what was refused and why; in the order of the file
     * @throws InvalidMessageException the text is no such file, or too long; or a name is there already in another way. Nothing was
     *     declared
     */
    ImportReport importRabbitMq(String json, ImportOptions options);

    /**
     * Writes queues, exchanges and bindings as a definitions file that RabbitMQ can import.
     *
     * @param virtualHost the name of the virtual host that the file is to have, such as {@code /}
     */
    String exportRabbitMq(String virtualHost);
}
