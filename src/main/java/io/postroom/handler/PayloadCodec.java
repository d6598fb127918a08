package io.postroom.handler;

/** Turns payload objects into JSON (UTF-8) and back. Thread-safe. A read that throws makes the message a dead letter ({@code undecodable}). */
public interface PayloadCodec {
    byte[] write(Object payload);

    <T> T read(byte[] stored, Class<T> type);
}
