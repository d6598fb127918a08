package io.postroom.internal.consumer;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Makes the threads on which handlers run. A thread may start while a caller of {@code createMessage} hands a message over. So threads take
 * nothing from the thread that makes them: no inheritable thread-locals, no priority, and the class loader of whoever made the factory.
 */
final class HandlerThreads {
    private static final String NAME = "postroom-handler-";

    private HandlerThreads() {}

    static ThreadFactory platform() {
        AtomicLong number = new AtomicLong();
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        return task -> {
            Thread thread = new Thread(null, task, NAME + number.incrementAndGet(), 0, false);
            thread.setDaemon(true);
            thread.setPriority(Thread.NORM_PRIORITY);
            thread.setContextClassLoader(loader);
            return thread;
        };
    }

    /**
     * Makes virtual threads. By reflection, because this code is compiled for Java 17.
     *
     * @throws IllegalStateException this Java has none
     */
    static ThreadFactory virtual() {
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        ThreadFactory threads = virtualFactory();
        return task -> {
            Thread thread = threads.newThread(task);
            thread.setContextClassLoader(loader);
            return thread;
        };
    }

    private static ThreadFactory virtualFactory() {
        try {
            Class<?> type = Class.forName("java.lang.Thread$Builder");
            Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
            type.getMethod("name", String.class, long.class).invoke(builder, NAME, 1L);
            type.getMethod("inheritInheritableThreadLocals", boolean.class).invoke(builder, false);
            return (ThreadFactory) type.getMethod("factory").invoke(builder);
        } catch (ReflectiveOperationException | RuntimeException none) {
            throw new IllegalStateException(
                    "this Java has no virtual threads: switch postroom.virtual-threads off, or use Java 21 or newer",
                    none);
        }
    }
}
