package io.postroom.handler;

import tools.jackson.databind.json.JsonMapper;

/**
 * Reads and writes payloads with a {@code JsonMapper}: the default codec. Thread-safe. The mapper must have no default typing: a payload
 * may never name a class.
 */
public final class JacksonPayloadCodec implements PayloadCodec {
    private final JsonMapper mapper;

    public JacksonPayloadCodec(JsonMapper mapper) {
        this.mapper = mapper;
    }

    @Override
    public byte[] write(Object payload) {
        return mapper.writeValueAsBytes(payload);
    }

    @Override
    public <T> T read(byte[] stored, Class<T> type) {
        return mapper.readValue(stored, type);
    }
}
