package io.postroom.handler;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import io.postroom.api.Limits;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.cfg.DateTimeFeature;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.Annotated;
import tools.jackson.databind.introspect.JacksonAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads and writes payloads with Jackson: the default codec. Thread-safe.
 *
 * <p>A stored payload outlives the settings of the process that wrote it. So the mapper has rules of its own, the same in each process, and
 * no setting of a host's REST mapper changes them:
 *
 * <ul>
 *   <li>Names of fields as in the class, or as its annotations say; dates and durations in ISO 8601; enums by the name of the constant.
 *   <li>{@code OffsetDateTime} and {@code ZonedDateTime} keep their offset and zone.
 *   <li>Decimals are read into {@code Map}, {@code Object} and {@code JsonNode} as {@code BigDecimal}, with all digits. A decimal is never
 *       cut to fit a whole number.
 *   <li>Unknown fields are ignored. A payload whose fields are all unknown to the class cannot be read.
 *   <li>A missing or null field is refused for a primitive, and null otherwise.
 *   <li>No default typing: a payload never names a class. No modules are searched for.
 * </ul>
 */
public final class JacksonPayloadCodec implements PayloadCodec {
    /** A number of few characters is stored with all its digits: {@code 1e308}. */
    private static final int NUMBER_LENGTH = Limits.NUMBER_LENGTH + 2 * Limits.NUMBER_EXPONENT;

    private final JsonMapper mapper;
    private final ObjectReader reader;
    private final Map<Class<?>, ObjectReader> readers = new ConcurrentHashMap<>();

    /** Reads and writes by {@link #rules()}. */
    public JacksonPayloadCodec() {
        this(rules().build());
    }

    /** @param mapper should come from {@link #rules()}, and must have no default typing: a payload may never name a class */
    public JacksonPayloadCodec(JsonMapper mapper) {
        this.mapper = mapper;
        this.reader = mapper.reader().withHandler(new UnknownFields.Collector());
    }

    /**
     * Begins a mapper with the rules above, for a codec that adds modules or serializers. A new builder each time.
     *
     * <p>Such a codec must be the same in all processes that share a queue.
     */
    public static JsonMapper.Builder rules() {
        StreamReadConstraints limits = StreamReadConstraints.builder()
                .maxNumberLength(NUMBER_LENGTH)
                .maxNameLength(Limits.PAYLOAD_BYTES)
                .build();
        return JsonMapper.builder(
                        JsonFactory.builder().streamReadConstraints(limits).build())
                .annotationIntrospector(new CheckedIntrospector())
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .enable(JsonNodeFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
                .disable(DateTimeFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE)
                .disable(DateTimeFeature.WRITE_DATES_AS_TIMESTAMPS)
                .disable(DateTimeFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
                .enable(DateTimeFeature.WRITE_DATES_WITH_ZONE_ID)
                .disable(EnumFeature.READ_ENUMS_USING_TO_STRING)
                .disable(EnumFeature.WRITE_ENUMS_USING_TO_STRING)
                .enable(EnumFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
                .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS);
    }

    @Override
    public byte[] write(Object payload) {
        return mapper.writeValueAsBytes(payload);
    }

    @Override
    public <T> T read(byte[] stored, Class<T> type) {
        UnknownFields unknown = new UnknownFields();
        T payload = readers.computeIfAbsent(type, reader::forType)
                .withAttribute(UnknownFields.class, unknown)
                .readValue(stored);
        unknown.requireOneKnown(payload, stored, mapper);
        return payload;
    }

    @Override
    public void requireReadable(Class<?> type) {
        ReadableClasses.require(mapper, type);
    }

    /**
     * Lets the mapper ask about each unknown field. For a class with {@code @JsonIgnoreProperties(ignoreUnknown = true)} it would skip them
     * unasked, and nobody would notice that all are unknown.
     */
    private static final class CheckedIntrospector extends JacksonAnnotationIntrospector {
        private static final long serialVersionUID = 1L;

        @Override
        public JsonIgnoreProperties.Value findPropertyIgnoralByName(MapperConfig<?> config, Annotated annotated) {
            return super.findPropertyIgnoralByName(config, annotated).withoutIgnoreUnknown();
        }
    }
}
