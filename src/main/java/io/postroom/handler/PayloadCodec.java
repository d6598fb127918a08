package io.postroom.handler;

/** Turns payload objects into JSON and back. Called by many threads at a time. */
public interface PayloadCodec {
    /** Writes an object as JSON in UTF-8. What this throws reaches the caller who creates the message. */
    byte[] write(Object payload);

    /**
     * Reads JSON in UTF-8, or the bytes of a body; answers null for JSON null. When it throws, the message waits for a process that can
     * read it, and becomes a dead letter ({@code undecodable}) after 24 hours.
     */
    <T> T read(byte[] stored, Class<T> type);

    /**
     * Checks before the start that payloads can be read as this class. Called once for each handler. The default checks nothing.
     *
     * @throws IllegalArgumentException no payload can be read as this class. The text says why and what to change; it follows the words
     *     "its payload class ... cannot be read: "
     */
    default void requireReadable(Class<?> type) {}
}
