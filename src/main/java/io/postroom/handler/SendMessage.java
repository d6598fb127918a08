package io.postroom.handler;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a bean method as an outgoing handler of a queue, or a bean's class that implements {@link SendMessageHandler}.
 *
 * <p>The method's parameters are taken by type: one payload (a class with {@link io.postroom.api.MessageType} or of your own, {@code
 * String}, {@code byte[]}, {@code Map<String, Object>} or {@code JsonNode}) and, if wanted, a {@link MessageContext}; or a {@code List} of
 * each for batches. It answers {@code void} (done), an {@link io.postroom.api.Outcome}, or for a batch {@code List<Outcome>} in the same
 * order. Any other value, of the classes that a payload may have, is the reply to whoever asked for one, and the message is done: see
 * {@link MessageContext#reply}. What it throws goes to {@link HandlingErrorSend} and the retry policy. It is called through the bean's
 * proxy, so {@code @Transactional} and the like work; it must not be private, and its bean must be a singleton.
 *
 * <p>{@code ${…}} placeholders are resolved in all texts. {@code postroom.handlers.<id>.*} sets concurrency, attempts, retryAfter,
 * timeLimit, batch, mode and settings per process and wins over the annotation; {@code enabled=false} there leaves the handler out.
 */
@Documented
@Target({ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
public @interface SendMessage {
    /** The name of the queue, or a pattern for names, such as {@code tenant.*.mail}: see {@link Handler}. */
    String value();

    /**
     * The name for properties, logs and {@code consumer.handler}, unique in the process; default {@code bean.method}, and {@code
     * bean.method.Payload} where several handlers of the bean have the method's name.
     */
    String id() default "";

    /**
     * How many messages this process handles at a time; 1 to 1000, default 4. More needs more connections if the handler uses the database.
     */
    int concurrency() default 4;

    /** The most attempts, the first included; 1 to 1000, default 20. */
    int attempts() default 20;

    /**
     * The waits between attempts. One value is fixed ({@code 10s}) or doubling ({@code 10s..6h}); several are a list whose last repeats. Or
     * the name of a {@code RetryPolicy} bean. Default {@link io.postroom.api.RetryPolicy#DEFAULT}.
     */
    String[] retryAfter() default {"10s..6h"};

    /** How long an attempt may run; 1 ms to 24 h, default 5 minutes. One that runs longer is interrupted and counts as failed. */
    String timeLimit() default "5m";

    /** The name of the {@link HandlingErrorSend} bean that is asked first about an error; default the only such bean. */
    String onError() default "";

    /** The most messages given to one call; 1 to 1000, default 1. More than 1 needs a {@code List<T>} parameter. */
    int batch() default 1;

    /**
     * The name of the entry of the external system that the handler talks to; default none. See {@link Handler#settings(String)}.
     */
    String settings() default "";

    /** What holds a message while its handler runs; default a lease alone. */
    HandlerMode mode() default HandlerMode.LEASED;
}
