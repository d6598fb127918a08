package io.postroom.spring;

import io.postroom.api.Durations;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.HandlingErrorSend;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.BeanNotOfRequiredTypeException;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.core.annotation.MergedAnnotation;
import org.springframework.core.env.Environment;

/**
 * Decides each setting of a handler: its property, else its annotation, else the default.
 *
 * <p>Properties are looked up by the handler's id, not bound as a map: an id has dots ({@code orders.send}), and the keys of a map may
 * have dots only in brackets. Both spellings are read: {@code postroom.handlers.orders.send.concurrency} and {@code
 * postroom.handlers[orders.send].concurrency}.
 */
final class HandlerSettings {
    private static final Logger log = LoggerFactory.getLogger(HandlerSettings.class);
    private static final ConfigurationPropertyName ROOT = ConfigurationPropertyName.of("postroom.handlers");
    static final List<String> KEYS =
            List.of("enabled", "concurrency", "attempts", "retry-after", "time-limit", "batch", "mode", "settings");

    private final ConfigurableListableBeanFactory beans;
    private final Environment environment;
    private final Set<String> ids = new LinkedHashSet<>();

    HandlerSettings(ConfigurableListableBeanFactory beans, Environment environment) {
        this.beans = beans;
        this.environment = environment;
    }

    /** The text of an annotation's attribute, with its placeholders resolved. */
    String text(MergedAnnotation<?> annotation, String attribute) {
        return resolve(annotation.getString(attribute));
    }

    HandlerProperties properties(String id) {
        ids.add(id);
        Binder binder = Binder.get(environment);
        for (ConfigurationPropertyName name : namesOf(id)) {
            HandlerProperties bound =
                    binder.bind(name, Bindable.of(HandlerProperties.class)).orElse(null);
            if (bound != null) {
                return bound;
            }
        }
        return HandlerProperties.NONE;
    }

    int batch(MergedAnnotation<?> annotation, HandlerProperties properties) {
        return or(properties.batch(), annotation.getInt("batch"));
    }

    /** Applies all settings of an annotated handler but the batch, which is part of its code. */
    Handler apply(MergedAnnotation<?> annotation, HandlerProperties properties, Handler handler) {
        Duration timeLimit = properties.timeLimit() != null
                ? properties.timeLimit()
                : Durations.parse("timeLimit", text(annotation, "timeLimit"));
        HandlerMode mode = or(properties.mode(), annotation.getEnum("mode", HandlerMode.class));
        String entry = or(properties.settings(), text(annotation, "settings"));
        return onError(text(annotation, "onError"), entry.isEmpty() ? handler : handler.settings(entry))
                .concurrency(or(properties.concurrency(), annotation.getInt("concurrency")))
                .timeLimit(timeLimit)
                .mode(mode)
                .retry(retry(annotation, properties));
    }

    /** Applies the properties of a handler that is a bean. Where no property is set, the handler's own setting holds. */
    Handler apply(HandlerProperties properties, Handler given) {
        if (properties.batch() != null) {
            throw new InvalidHandlerException(
                    "has its batch in its code, which no property can change", "Use Handler.batch(...)");
        }
        Handler handler = given.onError().isPresent() ? given : onError("", given);
        handler = handler.concurrency(or(properties.concurrency(), handler.concurrency()))
                .timeLimit(or(properties.timeLimit(), handler.timeLimit()))
                .mode(or(properties.mode(), handler.mode()));
        handler = properties.settings() == null ? handler : handler.settings(properties.settings());
        if (properties.retryAfter() != null) {
            return handler.retry(retry(
                    properties.retryAfter(),
                    or(properties.attempts(), handler.retry().attempts()),
                    properties.attempts()));
        }
        return properties.attempts() == null
                ? handler
                : handler.retry(new LimitedRetryPolicy(handler.retry(), properties.attempts()));
    }

    private RetryPolicy retry(MergedAnnotation<?> annotation, HandlerProperties properties) {
        List<String> delays = properties.retryAfter() != null
                ? properties.retryAfter()
                : Arrays.stream(annotation.getStringArray("retryAfter"))
                        .map(this::resolve)
                        .toList();
        Integer said = properties.attempts();
        if (said == null && annotation.hasNonDefaultValue("attempts")) {
            said = annotation.getInt("attempts");
        }
        return retry(delays, or(said, annotation.getInt("attempts")), said);
    }

    /** @param said attempts that were set on purpose and win over those of a policy bean; null if none were set */
    private RetryPolicy retry(List<String> delays, int attempts, @Nullable Integer said) {
        String text = String.join(", ", delays);
        if (beans.containsBean(text)) {
            if (!beans.isTypeMatch(text, RetryPolicy.class)) {
                throw new InvalidHandlerException(
                        "names in retryAfter the bean \"" + text + "\", which is no RetryPolicy",
                        "Name one of " + names(RetryPolicy.class) + ", or a duration");
            }
            RetryPolicy policy = beans.getBean(text, RetryPolicy.class);
            return said == null ? policy : new LimitedRetryPolicy(policy, said);
        }
        try {
            return RetryPolicy.parse(attempts, text);
        } catch (RuntimeException unreadable) {
            throw new InvalidHandlerException(
                    "has a retry policy that cannot be read (" + unreadable.getMessage()
                            + "), nor is there a RetryPolicy bean \"" + text + "\"",
                    "Write attempts from 1 to 1000 and waits as in 10s, as in 10s, 1m, 5m, or as in 1s..1h, or name one of "
                            + names(RetryPolicy.class),
                    unreadable);
        }
    }

    private Handler onError(String name, Handler handler) {
        if (name.isEmpty()) {
            HandlingErrorSend only =
                    beans.getBeanProvider(HandlingErrorSend.class).getIfUnique();
            return only == null ? handler : handler.onError(only);
        }
        try {
            return handler.onError(beans.getBean(name, HandlingErrorSend.class));
        } catch (NoSuchBeanDefinitionException | BeanNotOfRequiredTypeException unknown) {
            throw new InvalidHandlerException(
                    "names \"" + name + "\" in onError, and there is no such HandlingErrorSend bean",
                    "Name one of " + names(HandlingErrorSend.class),
                    unknown);
        }
    }

    /**
     * Warns of properties that no handler reads: a misspelt id or key would silently change nothing. Only warns, since processes may
     * share a file.
     */
    void warnOfUnused() {
        List<ConfigurationPropertyName> known = new ArrayList<>();
        for (String id : ids) {
            for (ConfigurationPropertyName name : namesOf(id)) {
                KEYS.forEach(key -> known.add(name.append(key)));
            }
        }
        Set<String> unused = new LinkedHashSet<>();
        ConfigurationPropertySources.get(environment).forEach(source -> {
            if (source instanceof IterableConfigurationPropertySource iterable) {
                iterable.stream()
                        .filter(ROOT::isAncestorOf)
                        .filter(name -> known.stream().noneMatch(one -> one.equals(name) || one.isAncestorOf(name)))
                        .forEach(name -> unused.add(name.toString()));
            }
        });
        if (!unused.isEmpty()) {
            log.warn("no handler here has these settings: {}; handlers: {}, settings: {}", unused, ids, KEYS);
        }
    }

    private static List<ConfigurationPropertyName> namesOf(String id) {
        return List.of(
                ConfigurationPropertyName.of(ROOT + "[" + id + "]"),
                ConfigurationPropertyName.adapt(ROOT + "." + id, '.'));
    }

    private String resolve(String text) {
        String resolved = beans.resolveEmbeddedValue(text);
        return resolved == null ? "" : resolved;
    }

    private List<String> names(Class<?> type) {
        return List.of(beans.getBeanNamesForType(type));
    }

    private static <T> T or(@Nullable T first, T otherwise) {
        return first == null ? otherwise : first;
    }

    /** The policy of a bean, with another number of attempts. */
    private record LimitedRetryPolicy(RetryPolicy policy, int attempts) implements RetryPolicy {
        @Override
        public Duration delayAfter(int failures) {
            return policy.delayAfter(failures);
        }

        @Override
        public boolean rejects(Throwable error) {
            return policy.rejects(error);
        }

        @Override
        public String describe() {
            return policy.describe();
        }
    }
}
