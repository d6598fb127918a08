package io.postroom.handler;

/** Turns payload objects into JSON and back. Called by many threads at a time. */
public interface PayloadCodec {
    /** Writes an object as JSON in UTF-8. What this throws reaches the caller who creates the message. */
    byte[] write(Object payload);

    /**
     * Reads JSON in UTF-8, or the bytes of a body. What this throws makes the message a dead letter ({@code undecodable}). Null for JSON
     * null.
     */
    <T> T read(byte[] stored, Class<T> type);
}
