package io.postroom.spring;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName.Form;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.core.env.Environment;

/**
 * Properties of the form {@code <root>.<name>.<setting>}, where a name may have dots: the first part that is a setting ends the name.
 *
 * @param root what all of them begin with
 * @param thing what is named, for error texts
 * @param settings the settings as in a file, such as {@code valid-from}
 * @param maps those of them that have names of their own below them; all others end a property's name
 * @param page where the settings are described
 */
record NamedProperties(
        ConfigurationPropertyName root, String thing, List<String> settings, Set<String> maps, String page) {
    static NamedProperties of(String root, String thing, List<String> settings, Set<String> maps, String page) {
        return new NamedProperties(ConfigurationPropertyName.of(root), thing, settings, maps, page);
    }

    /** Takes what was bound for one name. */
    interface Declaring<P> {
        void declare(String name, ConfigurationPropertyName properties, P bound);
    }

    /**
     * Binds the properties of each name to one object, in the order in which the names are found.
     *
     * @throws StartProblem a property is no setting, or cannot be read; the text names the property and not its value
     */
    <P> void bind(Environment environment, Class<P> type, Declaring<P> declaring) {
        Binder binder = Binder.get(environment);
        found(environment).forEach((name, properties) -> {
            try {
                P bound = binder.bind(properties, Bindable.of(type)).orElseThrow(IllegalStateException::new);
                declaring.declare(name, properties, bound);
            } catch (BindException unreadable) {
                String property = unreadable.getProperty() == null
                        ? properties.toString()
                        : unreadable.getProperty().getName().toString();
                throw new StartProblem(
                        property + " cannot be read", "Correct it: " + page + " shows each setting", unreadable);
            }
        });
    }

    private Map<String, ConfigurationPropertyName> found(Environment environment) {
        Map<String, ConfigurationPropertyName> found = new LinkedHashMap<>();
        ConfigurationPropertySources.get(environment).forEach(source -> {
            if (source instanceof IterableConfigurationPropertySource iterable) {
                iterable.stream().filter(root::isAncestorOf).forEach(property -> {
                    int end = endOfName(property);
                    found.putIfAbsent(
                            PropertyNames.joined(property, root.getNumberOfElements(), end), property.chop(end));
                });
            }
        });
        return found;
    }

    private int endOfName(ConfigurationPropertyName property) {
        int last = property.getNumberOfElements() - 1;
        for (int i = root.getNumberOfElements() + 1; i <= last; i++) {
            if (isSetting(property.getElement(i, Form.UNIFORM), i == last)) {
                return i;
            }
        }
        throw new StartProblem(
                "\"" + property + "\" is no setting of " + thing,
                "Write " + root + ".<name>.<setting>, with one of " + String.join(", ", settings));
    }

    private boolean isSetting(String part, boolean isLast) {
        return settings.stream()
                .anyMatch(setting -> setting.replace("-", "").equals(part) && (isLast || maps.contains(setting)));
    }
}
