package io.postroom.testing;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/** Records what a logger and those below it say, at a level of the test's choice, until it is closed. Thread-safe. */
public final class LogRecorder extends AppenderBase<ILoggingEvent> implements AutoCloseable {
    private final List<ILoggingEvent> events = new CopyOnWriteArrayList<>();
    private final Logger logger;
    private final @Nullable Level before;

    private LogRecorder(Logger logger, Level level) {
        this.logger = logger;
        this.before = logger.getLevel();
        setContext(logger.getLoggerContext());
        start();
        logger.setLevel(level);
        logger.addAppender(this);
    }

    public static LogRecorder of(String logger, Level level) {
        return new LogRecorder((Logger) LoggerFactory.getLogger(logger), level);
    }

    @Override
    protected void append(ILoggingEvent event) {
        events.add(event);
    }

    /** What was said so far, the oldest first. */
    public List<ILoggingEvent> events() {
        return List.copyOf(events);
    }

    /** What was said so far as text, the oldest first. */
    public List<String> lines() {
        return events.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }

    /** How many of the texts contain this. */
    public long count(String part) {
        return lines().stream().filter(line -> line.contains(part)).count();
    }

    @Override
    public void close() {
        logger.detachAppender(this);
        logger.setLevel(before);
        stop();
    }
}
