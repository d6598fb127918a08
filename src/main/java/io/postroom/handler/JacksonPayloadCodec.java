package io.postroom.handler;

import tools.jackson.databind.json.JsonMapper;

/** The default codec: the host's {@code JsonMapper}, else a plain one. No default typing: a payload can never name a class. */
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
