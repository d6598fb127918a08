package io.postroom.handler;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationConfig;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.SerializationConfig;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.deser.DeserializationProblemHandler;
import tools.jackson.databind.introspect.AnnotatedClass;
import tools.jackson.databind.introspect.AnnotatedClassResolver;
import tools.jackson.databind.introspect.BeanPropertyDefinition;
import tools.jackson.databind.json.JsonMapper;

/**
 * The fields of one payload that its class does not know. One or some are ignored; if all are unknown, the class was renamed or is another
 * one, and the handler would get an object of nulls. Used by one thread.
 */
final class UnknownFields {
    private static final int SHOWN = 10;

    private final List<Unknown> all = new ArrayList<>(0);

    /** @param owner the object that was being read: the payload itself, or one inside it */
    private record Unknown(Object owner, String name, ValueDeserializer<?> deserializer) {}

    /**
     * Refuses a payload of which no field is known. An object without fields is read as such, and a class without fields reads anything.
     *
     * @throws IllegalArgumentException names the fields of both
     */
    void requireOneKnown(Object payload, byte[] stored, JsonMapper mapper) {
        List<Unknown> own = all.stream().filter(one -> one.owner == payload).toList();
        if (own.isEmpty()) {
            return;
        }
        Collection<Object> known = own.get(0).deserializer.getKnownPropertyNames();
        if (known == null || known.isEmpty()) {
            return;
        }
        Set<String> unknown = own.stream().map(Unknown::name).collect(Collectors.toCollection(HashSet::new));
        unknown.add(typeField(payload.getClass(), mapper));
        unknown.removeAll(written(payload.getClass(), mapper));
        List<String> fields = fieldsOf(stored, mapper);
        if (unknown.containsAll(fields)) {
            throw new IllegalArgumentException(
                    "its fields (" + shown(fields) + ") are all unknown to the class, which has " + shown(known));
        }
    }

    /** The field that names the subclass, if the class has one: it says nothing about the others. */
    private static String typeField(Class<?> type, JsonMapper mapper) {
        DeserializationConfig config = mapper.deserializationConfig();
        AnnotatedClass annotated = AnnotatedClassResolver.resolve(config, mapper.constructType(type), config);
        JsonTypeInfo.Value info = config.getAnnotationIntrospector().findPolymorphicTypeInfo(config, annotated);
        return info == null || info.getPropertyName() == null ? "" : info.getPropertyName();
    }

    /** The fields that the class writes: some have a getter alone, and are known although nothing reads them. */
    private static Set<String> written(Class<?> type, JsonMapper mapper) {
        JavaType java = mapper.constructType(type);
        SerializationConfig config = mapper.serializationConfig();
        return mapper
                ._serializationContext()
                .introspectBeanDescription(java, AnnotatedClassResolver.resolve(config, java, config))
                .findProperties()
                .stream()
                .filter(BeanPropertyDefinition::couldSerialize)
                .map(BeanPropertyDefinition::getName)
                .collect(Collectors.toSet());
    }

    private static List<String> fieldsOf(byte[] stored, JsonMapper mapper) {
        List<String> fields = new ArrayList<>();
        try (JsonParser parser = mapper.createParser(stored)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                fields.add(parser.currentName());
                parser.nextToken();
                parser.skipChildren();
            }
        }
        return fields;
    }

    private static String shown(Collection<?> names) {
        return names.stream().limit(SHOWN).map(String::valueOf).collect(Collectors.joining(", "))
                + (names.size() > SHOWN ? ", …" : "");
    }

    /** Collects unknown fields into the call's {@link UnknownFields}, and leaves the decision about each to the mapper. */
    static final class Collector extends DeserializationProblemHandler {
        @Override
        public boolean handleUnknownProperty(
                DeserializationContext context,
                JsonParser parser,
                ValueDeserializer<?> deserializer,
                Object owner,
                String name) {
            if (context.getAttribute(UnknownFields.class) instanceof UnknownFields call) {
                call.all.add(new Unknown(owner, name, deserializer));
            }
            return false;
        }
    }
}
