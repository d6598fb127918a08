package io.postroom.spring;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.Limits;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName.Form;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.core.env.Environment;

/**
 * Settings of a queue that is declared at the start, under {@code postroom.queues.<name>}.
 *
 * @param kind How long the queue lives: durable, exclusive or auto-delete.
 * @param attempts Most attempts, the first included, 1 to 1000.
 * @param retryAfter Waits between attempts.
 * @param timeToLive After how long waiting messages expire, 1 ms to 400 days.
 * @param retention How long finished messages are kept, 0 to 400 days, or 365000 days.
 * @param crashLimit Deaths of a worker after which a message is given up, 1 to 1000.
 * @param deadLetterExchange Exchange through which dead letters go on.
 * @param deadLetterRoutingKey Routing key instead of the message's own.
 * @param ordered Whether at most one message of each group is in progress.
 * @param onDeadLetter What becomes of the group of a dead letter: release or block.
 * @param maxLength Most READY messages, 1 to 1000000000; 0: as many as come.
 * @param overflow What happens above that: drop-head, reject or reject-to-dead-letter-exchange.
 * @param singleActiveConsumer Whether only one process consumes at a time.
 * @param expiresAfter Without use for so long the queue is deleted, 1 ms to 400 days; 0: never.
 * @param fair Whether the groups of messages take turns.
 * @param destination External system that the messages go to.
 * @param maxStarts Most starts of handlers in a period, over all processes.
 * @param period That period, 100 ms to 400 days.
 * @param window Which spans of time are meant: sliding or fixed.
 * @param maxInProgress Most messages in progress, over all processes.
 * @param maxStartsPerGroup Most starts of handlers for each group of a fair queue.
 * @param periodPerGroup In that period, 100 ms to 400 days.
 * @param maxInProgressPerGroup Most messages in progress of each group of a fair queue.
 */
record QueueProperties(
        @Nullable QueueKind kind,
        @Nullable Integer attempts,
        @Nullable String retryAfter,
        @Nullable Duration timeToLive,
        @Nullable Duration retention,
        @Nullable Integer crashLimit,
        @Nullable String deadLetterExchange,
        @Nullable String deadLetterRoutingKey,
        @Nullable Boolean ordered,
        @Nullable OnDeadLetter onDeadLetter,
        @Nullable Long maxLength,
        @Nullable Overflow overflow,
        @Nullable Boolean singleActiveConsumer,
        @Nullable Duration expiresAfter,
        @Nullable Boolean fair,
        @Nullable String destination,
        @Nullable Integer maxStarts,
        @Nullable Duration period,
        Limiter.@Nullable Window window,
        @Nullable Integer maxInProgress,
        @Nullable Integer maxStartsPerGroup,
        @Nullable Duration periodPerGroup,
        @Nullable Integer maxInProgressPerGroup) {
    private static final ConfigurationPropertyName ROOT = ConfigurationPropertyName.of("postroom.queues");
    /** The settings, as in a file and as the fields of {@link InvalidMessageException}. */
    static final Map<String, String> KEYS = keys(
            "kind",
            "attempts",
            "retryAfter",
            "timeToLive",
            "retention",
            "crashLimit",
            "deadLetterExchange",
            "deadLetterRoutingKey",
            "ordered",
            "onDeadLetter",
            "maxLength",
            "overflow",
            "singleActiveConsumer",
            "expiresAfter",
            "fair",
            "destination",
            "maxStarts",
            "period",
            "window",
            "maxInProgress",
            "maxStartsPerGroup",
            "periodPerGroup",
            "maxInProgressPerGroup");

    private static Map<String, String> keys(String... fields) {
        Map<String, String> keys = new LinkedHashMap<>();
        for (String field : fields) {
            keys.put(field.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT), field);
        }
        return keys;
    }

    /**
     * Reads the settings of all queues. The last part of a property's name is the setting, and all before it is the queue: names of queues
     * have dots, and the keys of a map may have dots only in brackets.
     *
     * @throws StartProblem a property has no such setting, or a value that breaks a limit; the text names the property
     */
    static Declared declared(Environment environment) {
        Map<String, ConfigurationPropertyName> queues = new LinkedHashMap<>();
        ConfigurationPropertySources.get(environment).forEach(source -> {
            if (source instanceof IterableConfigurationPropertySource iterable) {
                iterable.stream()
                        .filter(ROOT::isAncestorOf)
                        .forEach(name -> queues.putIfAbsent(queueOf(name), name.getParent()));
            }
        });
        Binder binder = Binder.get(environment);
        Declared declared = new Declared(new ArrayList<>(), new ArrayList<>(), new LinkedHashMap<>());
        queues.forEach((queue, name) -> {
            QueueProperties properties =
                    binder.bind(name, Bindable.of(QueueProperties.class)).orElseThrow(IllegalStateException::new);
            declared.queues.add(checked(name, () -> properties.settings(queue)));
            if (properties.destination != null) {
                String system = properties.destination;
                declared.destinations.put(queue, checked(name, () -> Limits.requireName("destination", system)));
            }
            if (properties.hasLimiter()) {
                declared.limiters.add(checked(name, () -> properties.limiter(queue)));
            }
        });
        return declared;
    }

    /** The queues that properties declare, the limiters of some of them, and destinations by queue. */
    record Declared(List<QueueSettings> queues, List<Limiter> limiters, Map<String, String> destinations) {}

    private boolean hasLimiter() {
        return maxStarts != null
                || period != null
                || window != null
                || maxInProgress != null
                || maxStartsPerGroup != null
                || periodPerGroup != null
                || maxInProgressPerGroup != null;
    }

    private Limiter limiter(String queue) {
        return new Limiter(
                        Optional.of(queue),
                        Optional.empty(),
                        Optional.ofNullable(maxStarts),
                        Optional.ofNullable(period),
                        window == null ? Limiter.Window.SLIDING : window,
                        Optional.ofNullable(maxInProgress),
                        Optional.ofNullable(maxStartsPerGroup),
                        Optional.ofNullable(periodPerGroup),
                        Optional.ofNullable(maxInProgressPerGroup))
                .requireLimit();
    }

    /** @throws StartProblem a value breaks a limit; the text names its property */
    private static <T> T checked(ConfigurationPropertyName name, Supplier<T> read) {
        try {
            return read.get();
        } catch (InvalidMessageException refused) {
            String property = KEYS.entrySet().stream()
                    .filter(key -> key.getValue().equals(refused.field()))
                    .map(key -> name + "." + key.getKey())
                    .findFirst()
                    .orElse(name.toString());
            throw new StartProblem(
                    property + " cannot be used: " + refused.getMessage(), "Correct that property", refused);
        }
    }

    private static String queueOf(ConfigurationPropertyName name) {
        int last = name.getNumberOfElements() - 1;
        String setting = name.getElement(last, Form.UNIFORM);
        if (last <= ROOT.getNumberOfElements()
                || KEYS.keySet().stream().noneMatch(key -> key.replace("-", "").equals(setting))) {
            throw new StartProblem(
                    "\"" + name + "\" is no setting of a queue",
                    "Write postroom.queues.<name>.<setting>, with one of " + String.join(", ", KEYS.keySet()));
        }
        return PropertyNames.joined(name, ROOT.getNumberOfElements(), last);
    }

    private QueueSettings settings(String queue) {
        return new QueueSettings(
                queue,
                Optional.ofNullable(attempts),
                Optional.ofNullable(retryAfter),
                Optional.ofNullable(timeToLive),
                Optional.ofNullable(retention),
                Optional.ofNullable(crashLimit),
                Optional.ofNullable(kind),
                Optional.ofNullable(deadLetterExchange),
                Optional.ofNullable(deadLetterRoutingKey),
                Optional.ofNullable(ordered),
                Optional.ofNullable(onDeadLetter),
                Optional.ofNullable(maxLength),
                Optional.ofNullable(overflow),
                Optional.ofNullable(singleActiveConsumer),
                Optional.ofNullable(expiresAfter),
                Optional.ofNullable(fair));
    }
}
