package io.postroom.spring;

import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName.Form;

/** Names of queues and entries within the names of properties. They may have dots, so they are several parts. */
final class PropertyNames {
    private PropertyNames() {}

    /** Joins the parts of a property's name from one place up to another, as they were written. */
    static String joined(ConfigurationPropertyName name, int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(part -> name.getElement(part, Form.ORIGINAL))
                .collect(Collectors.joining("."));
    }
}
