package io.postroom.handler;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.Set;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.deser.AbstractDeserializer;
import tools.jackson.databind.deser.SettableBeanProperty;
import tools.jackson.databind.deser.bean.BeanDeserializerBase;
import tools.jackson.databind.deser.impl.TypeWrappedDeserializer;
import tools.jackson.databind.deser.std.ContainerDeserializerBase;
import tools.jackson.databind.json.JsonMapper;

/**
 * Finds out, without a payload, whether a mapper can read a class. Looks at deserializers only: no constructor of the user's class is
 * called.
 */
final class ReadableClasses {
    private static final String WHICH_SUBCLASS =
            "Add @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = \"kind\") to it";

    private final DeserializationContext context;
    private final Set<ValueDeserializer<?>> seen = Collections.newSetFromMap(new IdentityHashMap<>());

    private ReadableClasses(DeserializationContext context) {
        this.context = context;
    }

    /** @throws IllegalArgumentException it cannot be read; says why, and what to change */
    static void require(JsonMapper mapper, Class<?> type) {
        try {
            new ReadableClasses(mapper._deserializationContext()).requireType(mapper.constructType(type), true);
        } catch (DatabindException refused) {
            throw new IllegalArgumentException(refused.getOriginalMessage(), refused);
        }
    }

    private void requireType(JavaType type, boolean isPayload) {
        ValueDeserializer<?> deserializer = context.findRootValueDeserializer(type);
        if (deserializer instanceof TypeWrappedDeserializer) {
            requireSubclasses(type);
            return;
        }
        require(deserializer, isPayload);
    }

    /** The subclasses of a sealed type are known, and each must be readable. Of others, only a payload says which there are. */
    private void requireSubclasses(JavaType type) {
        Class<?> raw = type.getRawClass();
        if (raw.isSealed()) {
            for (Class<?> subclass : raw.getPermittedSubclasses()) {
                requireSubclasses(context.constructType(subclass));
            }
        } else if (type.isConcrete()) {
            require(context.findNonContextualValueDeserializer(type), true);
        }
    }

    private void require(ValueDeserializer<?> deserializer, boolean isPayload) {
        if (!seen.add(deserializer)) {
            return;
        }
        if (deserializer instanceof AbstractDeserializer) {
            requireNamedSubclass(context.constructType(deserializer.handledType()), isPayload);
        } else if (deserializer instanceof BeanDeserializerBase bean) {
            if (isPayload) {
                requireConstructor(bean);
            }
            for (Iterator<SettableBeanProperty> fields = bean.properties(); fields.hasNext(); ) {
                requireField(fields.next());
            }
        } else if (deserializer instanceof ContainerDeserializerBase<?> container
                && container.getContentDeserializer() != null) {
            require(container.getContentDeserializer(), false);
        }
    }

    private void requireField(SettableBeanProperty field) {
        boolean saysItself = field.hasValueTypeDeserializer() || field.getAnnotation(JsonTypeInfo.class) != null;
        if (!saysItself && field.hasValueDeserializer()) {
            require(field.getValueDeserializer(), false);
        }
    }

    /** A field of an open interface, or of a class without a constructor, is let through: it may always be null. */
    private void requireNamedSubclass(JavaType type, boolean isPayload) {
        Class<?> raw = type.getRawClass();
        boolean matters = raw.isSealed() || isPayload && !raw.isAssignableFrom(String.class);
        if (matters && !(context.findRootValueDeserializer(type) instanceof TypeWrappedDeserializer)) {
            throw new IllegalArgumentException(raw.getName() + " is " + (raw.isSealed() ? "sealed" : "abstract")
                    + ", and a payload would not say of which subclass it is. " + WHICH_SUBCLASS);
        }
    }

    private static void requireConstructor(BeanDeserializerBase bean) {
        if (!bean.getValueInstantiator().canInstantiate()) {
            throw new IllegalArgumentException(bean.handledType().getName()
                    + " has no constructor that Jackson can call. Make it a record, add a constructor without parameters, or mark one "
                    + "with @JsonCreator");
        }
    }
}
