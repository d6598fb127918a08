package io.postroom.handler;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a bean method as an incoming handler of a queue, or a bean's class that implements {@link ProcessingMessageHandler}.
 *
 * <p>The method's parameters are taken by type: one payload (a class with {@link io.postroom.api.MessageType} or of your own, {@code String}, {@code
 * byte[]}, {@code Map<String, Object>} or {@code JsonNode}) and, if wanted, a {@link MessageContext}; or a {@code List} of each for batches. It answers
 * {@code void} (done), an {@link io.postroom.api.Outcome}, or for a batch {@code List<Outcome>} in the same order; what it throws goes to {@link
 * HandlingErrorSend} and the retry policy. It is called through the bean's proxy, so {@code @Transactional} and the like work; it must not be private,
 * and its bean must be a singleton.
 *
 * <p>{@code ${…}} placeholders are resolved in all texts. {@code postroom.handlers.<id>.*} sets concurrency, attempts, retryAfter, timeLimit, batch and
 * mode per process and wins over the annotation; {@code enabled=false} there leaves the handler out.
 */
@Documented
@Target({ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
public @interface ProcessingMessage {
    /** The queue. */
    String value();

    /** Name for properties, logs and {@code consumer.handler}; default {@code bean.method}. */
    String id() default "";

    /** Messages handled at a time by this process; 1 to 1000. More needs more connections if the handler uses the database. */
    int concurrency() default 4;

    /** Most attempts, the first included; 1 to 1000. */
    int attempts() default 10;

    /** Waits between attempts: one value is a fixed wait, several a list whose last repeats; or the name of a {@code RetryPolicy} bean. */
    String[] retryAfter() default {"10s"};

    /** An attempt running longer is interrupted and counts as failed; 1 ms to 24 h. */
    String timeLimit() default "5m";

    /** Name of the {@link HandlingErrorSend} bean asked first about an error; default the only such bean. */
    String onError() default "";

    /** Most messages given to one call; 1 to 1000, more than 1 needs a {@code List<T>} parameter. */
    int batch() default 1;

    HandlerMode mode() default HandlerMode.LEASED;
}
